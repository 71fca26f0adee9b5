import { type ClientSocket, openSocket } from './client-socket.ts';
import { type Dialect, type DialectName, type Person, dialects, frameType } from './dialect.ts';
import { type Step, createStep } from './step.ts';

// The loader: a process of its own that sends by the clock and reads what arrives. Its parent tells it what to do by IPC.

export type Request =
  | {
      readonly do: 'connect';
      readonly url: string;
      readonly dialect: DialectName;
      readonly people: readonly Person[];
    }
  | ({ readonly do: 'run'; readonly number: number } & RunOptions);

export type RunOptions = {
  /** Messages a second, over all pairs. */
  readonly rate: number;
  readonly seconds: number;
  /** Seconds before, whose latencies don't count (everything else does). */
  readonly warmup: number;
};

const LINGER_MS = 5_000;
const HELLO_MS = 30_000;

let sockets: ClientSocket[] = [];
let people: readonly Person[] = [];
let dialect: Dialect = dialects.floor;
let step: Step | undefined;
let server: URL | undefined;
let broken = false;

const connectAll = async () => {
  const url = server;
  if (!url) throw new Error('there is no server to connect to');
  broken = false;
  for (const socket of sockets) socket.close();
  sockets = [];
  for (const [index, person] of people.entries()) sockets.push(await connectOne(url, index, person));
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
      if (type === 'ack' || type === 'events') step?.read(index, type, bytes, start, end);
      else if (type === 'welcome') welcome();
      else failed(bytes.toString('utf8', start, end));
    };
    const failed = (why: string) => {
      clearTimeout(late);
      reject(new Error(why));
      step?.fail(why);
    };
    const ended = (why: string) => {
      broken = true;
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

const run = async (options: RunOptions & { readonly number: number }) => {
  if (broken) await connectAll();
  const send = (index: number, id: string, text: string) => {
    const person = people[index];
    if (person) sockets[index]?.send(dialect.send(person, id, text));
  };
  step = createStep({
    ...options,
    people: people.length,
    repeats: dialect.sendsOnce,
    send,
    lingerMs: LINGER_MS,
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
    server = new URL(request.url);
    return connectAll();
  };
  answer().then(
    (result) => process.send?.({ result: result ?? {} }),
    (error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
