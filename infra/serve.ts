import { existsSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { openAccounts } from '../commands/accounts.ts';
import { isRefused } from '../commands/account-rejection.ts';
import type { UserId } from '../domain/id.ts';
import { createHttpServer } from '../gateways/http/server.ts';
import { Refusal } from '../gateways/rejections.ts';
import { type Delivery, deliver } from '../gateways/websocket/deliver.ts';
import { createRooms } from '../gateways/websocket/rooms.ts';
import { createSocketServer } from '../gateways/websocket/server.ts';
import * as userConversations from '../projections/user-conversations.ts';
import type { Settings } from './config.ts';
import { type Core, openCore } from './core.ts';
import { httpDeps } from './http-deps.ts';
import { createLog } from './log.ts';
import { readVersion, root } from './root.ts';

const webRoot = join(root, 'dist', 'web');

/** Views may take this long to catch up with what a socket that arrives must see. */
const ARRIVAL_MS = 10_000;

export type Server = {
  readonly url: string;
  readonly port: number;
  readonly core: Core;
  readonly accounts: ReturnType<typeof openAccounts>;
  /** Resolves with the reason when the server can't go on by itself. */
  readonly failed: Promise<Error>;
  /** Stops accepting, finishes what was accepted, tells clients when to come back, and closes everything. */
  close(): Promise<void>;
};

/** The server: HTTP, WebSocket and what carries events to it, on one core. */
export const startServer = async (settings: Settings): Promise<Server> => {
  const log = createLog(settings.LOG_LEVEL);
  const core = await openCore(settings, log);
  const { store, tables, running, execute, directory, metrics } = core;
  const stop = new AbortController();
  const accounts = openAccounts(directory, Date.now, { signUp: settings.SIGN_UP });

  const rooms = createRooms();
  let fail: (reason: Error) => void = () => undefined;
  const failed = new Promise<Error>((resolve) => (fail = resolve));
  const delivery: Delivery = deliver({
    store,
    rooms,
    // Sockets that come later read what was before.
    after: await store.end(),
    signal: stop.signal,
    onError: (error, event) => {
      log.error(
        { err: error, stream: event?.stream, revision: event?.revision },
        'delivery: event can’t be delivered',
      );
    },
    observe: (frames) => metrics.deliveries.inc(frames),
  });
  void delivery.stopped.then(() => {
    if (!stop.signal.aborted) fail(new Error('delivery ended'));
  });

  const http = createHttpServer(
    httpDeps(core, accounts, {
      version: await readVersion(),
      signUp: settings.SIGN_UP,
      publicUrl: settings.PUBLIC_URL,
      trustedProxies: settings.TRUST_PROXIES,
      webRoot: existsSync(webRoot) ? webRoot : undefined,
    }),
  );
  const settled = async () => {
    if (!(await running.reached(delivery.position(), ARRIVAL_MS))) throw new Refusal('view_behind');
  };
  const sockets = createSocketServer(http.server, {
    rooms,
    execute,
    maxConnections: settings.MAX_CONNECTIONS,
    publicHost: settings.PUBLIC_URL && new URL(settings.PUBLIC_URL).host,
    now: Date.now,
    authenticate: async (token) => {
      const identity = await accounts.tokens.verify(token);
      if (isRefused(identity)) throw new Refusal(identity.rejected, identity.detail);
      return identity;
    },
    // Whatever was delivered before this socket came must be in the view that it is seated by.
    conversationsOf: async (userId: UserId) => {
      await settled();
      return (await userConversations.of(tables, userId)).map(({ conversationId }) => conversationId);
    },
    settled,
    onError: (error, correlationId) => log.error({ err: error, correlationId }, 'websocket: internal error'),
  });
  metrics.connections(() => sockets.connections());
  accounts.devices.onRevoked((deviceId) => sockets.endDevice(deviceId));

  const close = async () => {
    await sockets.drain();
    await http.close();
    stop.abort();
    await delivery.stopped;
    await core[Symbol.asyncDispose]();
  };
  try {
    await http.listen({ port: settings.PORT, host: settings.HOST });
  } catch (error) {
    await close();
    throw friendly(error, settings);
  }
  const { port } = http.server.address() as AddressInfo;
  const host =
    settings.HOST === '127.0.0.1' || settings.HOST === '0.0.0.0' || settings.HOST === '::'
      ? 'localhost'
      : settings.HOST;
  return { port, url: settings.PUBLIC_URL ?? `http://${host}:${port}`, core, accounts, failed, close };
};

const friendly = (error: unknown, { HOST, PORT }: Settings): unknown => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE')
    return new Error(`port ${PORT} of ${HOST} is taken by another program: set PORT to another one`);
  if (code === 'EACCES')
    return new Error(`port ${PORT} needs more rights than this process has: set PORT to one above 1023`);
  if (code === 'EADDRNOTAVAIL')
    return new Error(`this machine has no address ${HOST}: set HOST to one of its own`);
  return error;
};
