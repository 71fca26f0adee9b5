import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { openAccounts } from '../commands/accounts.ts';
import { isRefused } from '../commands/account-rejection.ts';
import { type ConversationId, type UserId, receiptsStreamOf, streamOf } from '../domain/id.ts';
import type { RecordedEvent } from '../domain/ports/event-store.ts';
import { createPolls } from '../gateways/http/polls.ts';
import { createHttpServer } from '../gateways/http/server.ts';
import { Refusal } from '../gateways/rejections.ts';
import { createBacklog } from '../gateways/websocket/backlog.ts';
import type { ConnectionDeps } from '../gateways/websocket/connection.ts';
import { createConnections } from '../gateways/websocket/connections.ts';
import { type Delivery, deliver } from '../gateways/websocket/deliver.ts';
import { createDrafts } from '../gateways/websocket/drafts.ts';
import { createHellos } from '../gateways/websocket/hellos.ts';
import { createLimiter } from '../gateways/websocket/limiter.ts';
import { createPresence } from '../gateways/websocket/presence.ts';
import { createReceiptFrames } from '../gateways/websocket/receipts.ts';
import { createRooms } from '../gateways/websocket/rooms.ts';
import { createSocketServer } from '../gateways/websocket/server.ts';
import { endOf } from '../gateways/websocket/sync-token.ts';
import { createTyping } from '../gateways/websocket/typing.ts';
import * as conversationMembers from '../projections/conversation-members.ts';
import * as userConversations from '../projections/user-conversations.ts';
import { systemClock } from './clock.ts';
import type { Settings } from './config.ts';
import { type Core, openCore } from './core.ts';
import { httpDeps } from './http-deps.ts';
import { createLog } from './log.ts';
import { readVersion, root } from './root.ts';

const webRoot = join(root, 'dist', 'web');

/** Views may take this long to catch up with what a socket that arrives must see. */
const ARRIVAL_MS = 10_000;
/** Requests may take this long when the server stops. */
const REQUESTS_MS = 3_000;
/** What all sockets together may have unread. */
const UNREAD_BYTES = 256 * 1024 * 1024;

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
  const { store, tables, running, execute, directory, metrics, live, states, marks } = core;
  const stop = new AbortController();
  const accounts = openAccounts(directory, Date.now, { signUp: settings.SIGN_UP });

  const rooms = createRooms();
  let fail: (reason: Error) => void = () => undefined;
  const failed = new Promise<Error>((resolve) => (fail = resolve));
  const receipts = createReceiptFrames({
    store,
    receipts: core.receipts,
    members: async (conversationId) => (await states.get(conversationId)).state.members,
    onError: (err, conversationId) => log.error({ err, conversationId }, 'delivery: receipts can’t be read'),
  });
  const onUndelivered = (err: unknown, event?: RecordedEvent) =>
    log.error(
      { err, stream: event?.stream, revision: event?.revision },
      'delivery: event can’t be delivered',
    );
  const delivery: Delivery = deliver({
    store,
    rooms,
    receipts,
    // Sockets that come later read what was before.
    after: await endOf(store),
    signal: stop.signal,
    onError: onUndelivered,
    moved: (...move) => presence.moved(...move),
    observe: (frames) => metrics.deliveries.inc(frames),
  });
  void delivery.stopped.then(() => {
    if (!stop.signal.aborted) fail(new Error('delivery ended'));
  });

  const limiter = createLimiter(
    live,
    {
      person: settings.LIMIT_PERSON,
      device: settings.LIMIT_DEVICE,
      address: settings.LIMIT_ADDRESS,
      conversation: settings.LIMIT_CONVERSATION,
    },
    {
      onError: (err) => log.error({ err }, 'limits can’t be counted'),
      observe: (limit) => metrics.limited.inc({ limit }),
    },
  );
  const settled = async () => {
    if (!(await running.reached(delivery.mark().position, ARRIVAL_MS))) throw new Refusal('view_behind');
  };
  const drafts = createDrafts({ directory, rooms, now: Date.now });
  const presence = createPresence({
    live,
    rooms,
    preferences: core.preferences,
    people: directory.people,
    members: async (conversationId) => {
      await settled();
      return (await conversationMembers.list(tables, conversationId)).map(({ userId }) => userId);
    },
    gatewayId: randomUUID(),
    clock: systemClock,
    onError: (err) => log.error({ err }, 'presence can’t be told'),
    observe: (frames) => metrics.presence.inc(frames),
  });
  metrics.people(presence.people);
  const connectionDeps: ConnectionDeps = {
    rooms,
    execute,
    store,
    tables,
    delivery,
    receipts,
    marks,
    drafts,
    limiter,
    typing: createTyping({
      live,
      rooms,
      clock: systemClock,
      onError: (err) => log.error({ err }, 'typing can’t be told'),
      observe: (frames) => metrics.typing.inc(frames),
    }),
    presence,
    hellos: createHellos(),
    onEnded: (why) => metrics.ended.inc({ why }),
    maxPerPerson: settings.MAX_CONNECTIONS_PER_PERSON,
    now: Date.now,
    isParked: (conversationId: ConversationId) =>
      running.isParked('conversations', streamOf(conversationId)) ||
      running.isParked('receipts', receiptsStreamOf(conversationId)),
    onUnreadable: onUndelivered,
    authenticate: async (token: string) => {
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
    onError: (error: unknown, correlationId: string) =>
      log.error({ err: error, correlationId }, 'websocket: internal error'),
  };
  const connections = createConnections(connectionDeps, {
    total: settings.MAX_CONNECTIONS,
    perAddress: settings.MAX_CONNECTIONS_PER_ADDRESS,
  });
  const backlog = createBacklog(UNREAD_BYTES, () => connectionDeps.onEnded('slow'));
  const polls = createPolls(connections, backlog);
  metrics.connections(connections.count);
  metrics.polls(polls.count);
  accounts.devices.onRevoked((deviceId) => connections.endDevice(deviceId));

  const http = createHttpServer(
    httpDeps(
      core,
      accounts,
      {
        version: await readVersion(),
        signUp: settings.SIGN_UP,
        publicUrl: settings.PUBLIC_URL,
        trustedProxies: settings.TRUST_PROXIES,
        webRoot: existsSync(webRoot) ? webRoot : undefined,
      },
      { drafts, limiter, polls },
    ),
  );
  createSocketServer(http.server, connections, backlog, {
    publicHost: settings.PUBLIC_URL && new URL(settings.PUBLIC_URL).host,
    trustedProxies: settings.TRUST_PROXIES,
    compressFrom: settings.COMPRESSION === 'on' ? settings.COMPRESSION_THRESHOLD : undefined,
  });

  const close = async () => {
    await connections.drain();
    // Whoever has sent half a request would be waited for.
    const impatience = setTimeout(() => http.server.closeAllConnections(), REQUESTS_MS);
    await http.close();
    clearTimeout(impatience);
    await drafts[Symbol.asyncDispose]();
    await presence[Symbol.asyncDispose]();
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
