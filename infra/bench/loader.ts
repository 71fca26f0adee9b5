import { type ClientSocket, openSocket } from './client-socket.ts';
import { type Dialect, type DialectName, type Person, dialects, frameType } from './dialect.ts';
import { type Audience, type AudienceName, audienceOf } from './audience.ts';
import { type Step, type StepResult, createStep } from './step.ts';
import { createTypingStep } from './typing-step.ts';

// The loader: a process of its own that sends by the clock and reads what arrives. Its parent tells it what to do by IPC.

export type Request =
  | {
      readonly do: 'connect';
      readonly url: string;
      readonly dialect: DialectName;
      readonly people: readonly Person[];
      readonly audience: AudienceName;
    }
  | ({ readonly do: 'run'; readonly number: number } & RunOptions);

export type RunOptions = {
  /** Messages a second, over all people. */
  readonly rate: number;
  readonly seconds: number;
  /** Seconds before, whose latencies don't count (everything else does). */
  readonly warmup: number;
  /** What is sent; usually messages. */
  readonly what?: 'messages' | 'typing';
  /** Characters that each message is longer than usual. */
  readonly extra?: number;
  /** So many members of a group, spread over it, read nothing from now on. What happens to them is not counted. */
  readonly stalled?: number;
};

const LINGER_MS = 5_000;
const HELLO_MS = 30_000;

let sockets: ClientSocket[] = [];
let people: readonly Person[] = [];
let dialect: Dialect = dialects.floor;
let step: Step | undefined;
let server: URL | undefined;
let broken = false;
let audience: Audience = audienceOf('pairs', 0);
/** Bytes of what everybody in a group gets, by person, from the first frame on. */
let heard = new Float64Array(0);
const stalled = new Set<number>();

const connectAll = async () => {
  const url = server;
  if (!url) throw new Error('there is no server to connect to');
  broken = false;
  for (const socket of sockets) socket.close();
  sockets = [];
  stalled.clear();
  for (const [index, person] of people.entries()) sockets.push(await connectOne(url, index, person));
  heard = new Float64Array(people.length);
};

const connectOne = (url: URL, index: number, person: Person): Promise<ClientSocket> =>
  new Promise((resolve, reject) => {
    const late = setTimeout(
      () => reject(new Error(`person ${index} got no welcome in ${HELLO_MS} ms`)),
      HELLO_MS,
    );
    let welcome = () => {};
    const text = (bytes: Buffer, start: number, end: number) => {
      const type = frameType(bytes, start);
      if (type === 'ack') step?.read(index, type, bytes, start, end);
      else if (type === 'events' || type === 'typing') {
        heard[index] = (heard[index] ?? 0) + end - start;
        step?.read(index, type, bytes, start, end);
      } else if (type === 'welcome') welcome();
      else failed(bytes.toString('utf8', start, end));
    };
    const failed = (why: string) => {
      clearTimeout(late);
      reject(new Error(why));
      step?.fail(why);
    };
    const ended = (why: string) => {
      broken = true;
      if (stalled.has(index)) return;
      failed(why);
    };
    openSocket(url, dialect.path, { text, ended }).then((socket) => {
      welcome = () => {
        clearTimeout(late);
        resolve(socket);
      };
      socket.send(dialect.hello(index, person));
    }, failed);
  });

/** Members whose bytes are not those of most others. */
const inexact = (): number => {
  if (audience.readers === 1) return 0;
  const usual = heard.find((_, index) => !stalled.has(index)) ?? 0;
  return heard.reduce(
    (wrong, bytes, index) => (bytes === usual || stalled.has(index) ? wrong : wrong + 1),
    0,
  );
};

/** Who reads nothing also says nothing: their neighbour does, who reads. */
const speaking = (): Audience => {
  const senderOf = (which: number) => {
    const sender = audience.senderOf(which);
    return stalled.has(sender) ? (sender + 1) % audience.people : sender;
  };
  return { ...audience, senderOf };
};

const stall = (count: number) => {
  const every = Math.floor(people.length / count);
  for (let index = 0; index < count * every; index += every) {
    stalled.add(index);
    sockets[index]?.pause();
  }
};

const run = async ({
  what = 'messages',
  extra = 0,
  ...options
}: RunOptions & { readonly number: number }): Promise<StepResult> => {
  if (broken) await connectAll();
  if (options.stalled) stall(options.stalled);
  const more = ' more'.repeat(Math.ceil(extra / 5)).slice(0, extra);
  const common = { ...options, audience: speaking(), inexact, lingerMs: LINGER_MS };
  const to = (index: number, frame: (person: Person) => string) => {
    const person = people[index];
    if (person) sockets[index]?.send(frame(person));
  };
  step =
    what === 'typing'
      ? createTypingStep({
          ...common,
          names: people.map((person, index) => dialect.nameOf(index, person)),
          send: (index) => to(index, (person) => dialect.typing(person)),
        })
      : createStep({
          ...common,
          repeats: dialect.sendsOnce,
          send: (index, id, text) => to(index, (person) => dialect.send(person, id, text + more)),
        });
  try {
    return await step.result;
  } finally {
    step = undefined;
  }
};

process.on('message', (request: Request) => {
  const answer = async () => {
    if (request.do === 'run') return run(request);
    dialect = dialects[request.dialect];
    people = request.people;
    audience = audienceOf(request.audience, people.length);
    server = new URL(request.url);
    return connectAll();
  };
  answer().then(
    (result) => process.send?.({ result: result ?? {} }),
    (error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
