import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAccounts } from '../../commands/accounts.ts';
import type { App } from '../../gateways/http/app.ts';
import type { HttpSettings } from '../../gateways/http/deps.ts';
import { createPolls } from '../../gateways/http/polls.ts';
import { createHttpServer } from '../../gateways/http/server.ts';
import type { Session } from '../../gateways/protocol.ts';
import { createBacklog } from '../../gateways/websocket/backlog.ts';
import { createDrafts } from '../../gateways/websocket/drafts.ts';
import { createLimiter, type LimitSettings } from '../../gateways/websocket/limiter.ts';
import { openCore } from '../core.ts';
import { httpDeps } from '../http-deps.ts';
import { createLog } from '../log.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
type Asked = { token?: string; body?: unknown; headers?: Record<string, string>; payload?: string };

/** Asks without a port. The answer’s shape is what each test is about. */
export const asking =
  (app: App) =>
  async (method: Method, url: string, { token, body, headers = {}, payload }: Asked = {}) => {
    const text = payload ?? (body === undefined ? undefined : JSON.stringify(body));
    const answer = await app.inject({
      method,
      url,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(text !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(text !== undefined && { payload: text }),
    });
    const json = String(answer.headers['content-type']).includes('json');
    return {
      status: answer.statusCode,
      headers: answer.headers,
      text: answer.body,
      body: json ? answer.json() : undefined,
    };
  };

const nobodyPolls = createPolls(
  { refuses: () => 'overloaded', open: () => () => undefined },
  createBacklog(0),
);

/** The HTTP gateway on the embedded adapters, without a port, with a clock that can be moved and cheap passwords. */
export const startHttp = async (
  given: Partial<HttpSettings> = {},
  limits: LimitSettings = { person: 0, device: 0, address: 0, conversation: 0 },
) => {
  const folder = await mkdtemp(join(tmpdir(), 'parlance-http-'));
  const log = createLog('silent');
  const core = await openCore({ DATA_DIR: folder, STATE_CACHE_MB: 16 }, log);
  const settings: HttpSettings = {
    version: '0.0.0',
    signUp: 'open',
    trustedProxies: 0,
    waitMs: 15_000,
    ...given,
  };
  const clock = { skewMs: 0 };
  const now = () => Date.now() + clock.skewMs;
  const accounts = openAccounts(core.directory, now, {
    signUp: settings.signUp,
    passwords: { memoryKiB: 64, passes: 1, inFlight: 2, waiting: 64 },
  });
  const drafts = createDrafts({ directory: core.directory, rooms: { seatsOf: () => [] }, now, writeMs: 0 });
  const deps = httpDeps(core, accounts, settings, {
    drafts,
    limiter: createLimiter(core.live, limits),
    polls: nobodyPolls,
    now,
  });
  const app = createHttpServer(deps);
  await app.ready();

  const ask = asking(app);

  return {
    app,
    accounts,
    core,
    deps,
    clock,
    ask,
    signUp: async (username: string): Promise<Session> =>
      (
        await ask('POST', '/v1/accounts', {
          body: { username, password: 'correct horse', deviceName: 'test' },
        })
      ).body,
    close: async () => {
      await app.close();
      await drafts[Symbol.asyncDispose]();
      await core[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
};

export type Http = Awaited<ReturnType<typeof startHttp>>;
