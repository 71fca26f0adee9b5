import { setTimeout as sleep } from 'node:timers/promises';
import { type ClientSocket, openSocket } from './client-socket.ts';
import {
  type Dialect,
  type DialectName,
  type Person,
  afterText,
  dialects,
  frameType,
  nextText,
  textOf,
} from './dialect.ts';
import { percentile, round } from './numbers.ts';

// A crowd: a process with thousands of sockets that do next to nothing, or that all come back at once. Its parent tells it
// what to do by IPC.

export type CrowdRequest =
  /** Opens a socket for each of them, besides those that are there. */
  | {
      readonly do: 'arrive';
      readonly url: string;
      readonly dialect: DialectName;
      readonly people: readonly Person[];
    }
  /** Ends all sockets but the first of each conversation, which then say so many messages. */
  | { readonly do: 'leave'; readonly messages: number }
  /** Whoever left comes back, all at once. */
  | { readonly do: 'return' };

export type ReturnResult = {
  readonly sockets: number;
  /** Milliseconds from the first knock until so many had everything that they missed. */
  readonly p50: number;
  readonly p99: number;
  readonly all: number;
  /** Messages that did not come, and that came more than once, of those said meanwhile. */
  readonly missing: number;
  readonly repeated: number;
  /** How often somebody was told to come back later, or got no connection. */
  readonly turnedAway: number;
};

const ARRIVING = 100;
const ATTEMPT_MS = 60_000;
const ATTEMPTS = 30;
const RETRY_MS = 500;

type Guest = { person: Person; socket: ClientSocket | undefined; sync: string | undefined; read: number };

const guests: Guest[] = [];
let dialect: Dialect = dialects.floor;
let server: URL | undefined;
let acks = 0;
let said = 0;
let turnedAway = 0;

const SYNC = Buffer.from('"sync":"');
const BYE = Buffer.from('{"type":"bye"');
const QUOTE = 0x22;

/** Resolves with how long to wait before the next attempt; undefined: they are in, and have what they missed. */
const knock = (index: number, guest: Guest): Promise<number | undefined> =>
  new Promise((resolve) => {
    const url = server;
    if (!url) throw new Error('there is no server to connect to');
    const late = setTimeout(() => settle(RETRY_MS), ATTEMPT_MS);
    const resumes = guest.sync !== undefined;
    let mine: ClientSocket | undefined;
    let comeBackInMs = RETRY_MS;
    const settle = (wait: number | undefined) => {
      clearTimeout(late);
      if (wait === undefined) guest.socket = mine;
      else mine?.close();
      resolve(wait);
    };
    const text = (bytes: Buffer, start: number, end: number) => {
      const at = bytes.lastIndexOf(SYNC, end);
      if (at > start) {
        const from = at + SYNC.length;
        guest.sync = bytes.toString('latin1', from, bytes.indexOf(QUOTE, from));
      }
      const type = frameType(bytes, start);
      if (type === 'ack') acks += 1;
      else if (type === 'events') guest.read += textsIn(bytes, start, end);
      else if (type === 'synced' || (type === 'welcome' && !resumes)) settle(undefined);
      else if (bytes.indexOf(BYE, start) === start)
        comeBackInMs = (JSON.parse(bytes.toString('utf8', start, end)) as { comeBackInMs: number })
          .comeBackInMs;
    };
    openSocket(url, dialect.path, { text, ended: () => settle(comeBackInMs) }).then(
      (socket) => {
        mine = socket;
        socket.send(dialect.hello(index, guest.person, guest.sync));
      },
      () => settle(RETRY_MS * (1 + Math.random())),
    );
  });

const textsIn = (bytes: Buffer, start: number, end: number): number => {
  let count = 0;
  for (let at = nextText(bytes, start, end); at !== -1; at = nextText(bytes, afterText(at), end)) count += 1;
  return count;
};

const come = async (index: number) => {
  const guest = guests[index];
  if (!guest) return;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const wait = await knock(index, guest);
    if (wait === undefined) return;
    turnedAway += 1;
    await sleep(wait);
  }
  throw new Error(`guest ${index} did not get in in ${ATTEMPTS} attempts`);
};

const arrive = async ({ url, dialect: name, people }: Extract<CrowdRequest, { do: 'arrive' }>) => {
  [server, dialect] = [new URL(url), dialects[name]];
  let next = guests.length;
  for (const person of people) guests.push({ person, socket: undefined, sync: undefined, read: 0 });
  const line = async () => {
    while (next < guests.length) await come(next++);
  };
  await Promise.all(Array.from({ length: ARRIVING }, line));
  return { sockets: guests.length };
};

const leave = async (messages: number) => {
  const speakers = new Map<string, Guest>();
  for (const guest of guests) {
    guest.read = 0;
    if (speakers.has(guest.person.conversationId)) guest.socket?.close();
    else speakers.set(guest.person.conversationId, guest);
    if (speakers.get(guest.person.conversationId) !== guest) guest.socket = undefined;
  }
  const expected = acks + speakers.size * messages;
  for (let k = 0; k < messages; k += 1) {
    for (const { person, socket } of speakers.values())
      socket?.send(dialect.send(person, `storm-${k}`, textOf(0, 0, k)));
  }
  said = messages;
  const until = performance.now() + ATTEMPT_MS;
  while (acks < expected && performance.now() < until) await sleep(20);
  if (acks < expected) throw new Error(`${expected - acks} messages were not acknowledged`);
  return {};
};

const comeBack = async (): Promise<ReturnResult> => {
  turnedAway = 0;
  const from = performance.now();
  const away = guests.flatMap((guest, index) => (guest.socket ? [] : [index]));
  const times = await Promise.all(
    away.map(async (index) => {
      await come(index);
      return performance.now() - from;
    }),
  );
  times.sort((a, b) => a - b);
  // The floor keeps nothing for those who are away.
  const due = dialect.sendsOnce ? said : 0;
  const reads = away.map((index) => guests[index]?.read ?? 0);
  return {
    sockets: away.length,
    p50: round(percentile(times, 0.5), 0),
    p99: round(percentile(times, 0.99), 0),
    all: round(times.at(-1) ?? Number.NaN, 0),
    missing: reads.reduce((sum, read) => sum + Math.max(0, due - read), 0),
    repeated: reads.reduce((sum, read) => sum + Math.max(0, read - due), 0),
    turnedAway,
  };
};

process.on('message', (request: CrowdRequest) => {
  const answer = () => {
    if (request.do === 'arrive') return arrive(request);
    return request.do === 'leave' ? leave(request.messages) : comeBack();
  };
  answer().then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
