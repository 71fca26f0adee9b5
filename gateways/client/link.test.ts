import { beforeEach, expect, test } from 'vitest';
import { createTestClock } from '../../infra/testing/clock.ts';
import { type ClientFrame, type ServerFrame, closeCodes } from '../protocol.ts';
import { createLink } from './link.ts';
import type { Status } from './options.ts';
import { times } from './times.ts';
import type { LineHandlers, Transport } from './transport.ts';

type Opened = LineHandlers & { name: string; sent: ClientFrame[]; dropped: boolean };

let clock = createTestClock();
let lines: Opened[] = [];
let tokens: (string | undefined)[] = [];
let statuses: Status[] = [];
let broken: number[] = [];
let probed: boolean[] = [];
let freshFor = Number.POSITIVE_INFINITY;
let token: () => Promise<string> = async () => 'a token';

beforeEach(() => {
  clock = createTestClock();
  [lines, tokens, statuses, broken, probed] = [[], [], [], [], []];
  freshFor = 1e9;
  token = async () => 'a token';
});

/** The other side is the test. */
const transport = (name: Transport['name']): Transport => ({
  name,
  open: (handlers) => {
    const line: Opened = { ...handlers, name, sent: [], dropped: false };
    lines.push(line);
    return { send: (frame) => line.sent.push(frame), close: () => (line.dropped = true) };
  },
});
const begin = async (sync?: string) => {
  const link = createLink({
    access: {
      token: (instead) => {
        tokens.push(instead);
        return token();
      },
      freshFor: () => freshFor,
    },
    transports: [transport('websocket'), transport('polling')],
    clock,
    times,
    random: () => 0.999,
    sync: () => sync,
    probe: async () => probed.shift() ?? false,
    onFrame: () => undefined,
    onStatus: (status) => statuses.push(status),
    onBroken: (code) => broken.push(code),
  });
  link.connect();
  await clock.settle();
  return link;
};
const last = (): Opened => {
  const line = lines.at(-1);
  if (!line) throw new Error('no connection');
  return line;
};
/** The network ends the connection of now; until there is another one. */
const fail = async (code = 1006) => {
  const before = lines.length;
  last().closed(code, '');
  while (lines.length === before) await clock.advance(100);
};
const welcome: ServerFrame = {
  type: 'welcome',
  version: 1,
  userId: 'u',
  deviceId: 'd',
  now: 0,
  sync: 's',
  resumed: false,
};
const greet = () => {
  last().opened();
  last().receive(welcome);
};

test('it says who it is and where it has come to, and is online once it is welcome', async () => {
  const link = await begin('here');
  expect(link.send({ type: 'ping' })).toBe(false);
  greet();
  expect(last().sent).toEqual([{ type: 'hello', version: 1, token: 'a token', sync: 'here' }]);
  expect(statuses).toEqual([{ state: 'connecting' }, { state: 'online', over: 'websocket' }]);
  expect(link.send({ type: 'ping' })).toBe(true);
});

test('“try again later” keeps the token, and is tried later and later', async () => {
  await begin();
  for (const [tries, wait] of [500, 1_000, 2_000].entries()) {
    last().closed(closeCodes.tryAgainLater, 'later');
    expect(statuses.at(-1)).toMatchObject({ state: 'offline', reason: 'later' });
    await clock.advance(wait * 0.99);
    expect(lines).toHaveLength(tries + 1);
    await clock.advance(wait * 0.01);
    expect(lines).toHaveLength(tries + 2);
  }
  expect(tokens).toEqual([undefined, undefined, undefined, undefined]);
});

test('a token that was refused is replaced', async () => {
  await begin();
  last().closed(closeCodes.unauthorized, 'no');
  await clock.advance(500);
  expect(tokens).toEqual([undefined, 'a token']);
});

test('whoever has no session any more does not come back', async () => {
  token = () => Promise.reject(Object.assign(new Error('signed out'), { retry: false }));
  await begin();
  expect(statuses.at(-1)).toEqual({ state: 'closed', reason: 'signed out' });
  expect(clock.waiting()).toBe(0);
});

test('a server that goes says when to come back', async () => {
  await begin();
  greet();
  last().receive({ type: 'bye', reason: 'restart', comeBackInMs: 1_234 });
  last().closed(closeCodes.restarting, 'restarting');
  expect(broken).toEqual([closeCodes.restarting]);
  await clock.advance(1_233);
  expect(lines).toHaveLength(1);
  await clock.advance(1);
  expect(lines).toHaveLength(2);
});

test('a connection on which nothing comes any more is given up, and hurrying finds it out sooner', async () => {
  const link = await begin();
  greet();
  await clock.advance(times.ping);
  expect(last().sent.at(-1)).toEqual({ type: 'ping' });
  last().receive({ type: 'pong' });
  await clock.advance(times.ping - 1);
  link.hurry();
  await clock.advance(times.pong);
  expect(last().dropped).toBe(true);
  expect(broken).toEqual([1006]);
  expect(statuses.at(-1)).toMatchObject({ state: 'offline', reason: 'The server did not answer.' });
});

test('one that is not welcomed in time is given up', async () => {
  await begin();
  last().opened();
  await clock.advance(times.welcome);
  expect(last().dropped).toBe(true);
  expect(broken).toEqual([]);
});

test('hurrying does not wait for the next try', async () => {
  const link = await begin();
  last().closed(1006, '');
  link.hurry();
  await clock.settle();
  expect(lines).toHaveLength(2);
});

test('polling takes over when WebSocket fails twice while HTTP works, and WebSocket is tried again', async () => {
  probed = [true, false, true, true, true];
  await begin();
  for (let tries = 0; tries < 4; tries += 1) {
    expect(last().name).toBe('websocket');
    await fail();
  }
  expect(last().name).toBe('polling');
  greet();
  const again = async () => {
    for (let left = times.polling; left > 0 && !last().dropped; left -= 1_000) {
      last().receive({ type: 'pong' });
      await clock.advance(1_000);
    }
    await clock.settle();
  };
  await again();
  expect(last().name).toBe('websocket');
  await fail();
  expect(last().name).toBe('polling');
  greet();
  await again();
  greet();
  expect(statuses.at(-1)).toEqual({ state: 'online', over: 'websocket' });
});

test('what the server itself refuses is no reason to poll', async () => {
  probed = [true, true, true];
  await begin();
  for (let tries = 0; tries < 3; tries += 1) await fail(closeCodes.tryAgainLater);
  expect(last().name).toBe('websocket');
});

test('a fresh token goes over the same connection, before the old one ends', async () => {
  freshFor = 600_000;
  await begin();
  greet();
  token = async () => 'a fresh token';
  for (let left = 600_000; left > 0; left -= 20_000) {
    last().receive({ type: 'pong' });
    await clock.advance(20_000);
  }
  expect(last().sent).toContainEqual({ type: 'hello', version: 1, token: 'a fresh token' });
  expect(lines).toHaveLength(1);
});

test('when it is closed nothing waits any more', async () => {
  const link = await begin();
  greet();
  link.close();
  expect(last().dropped).toBe(true);
  expect(clock.waiting()).toBe(0);
  link.connect();
  await clock.settle();
  expect(lines).toHaveLength(1);
});
