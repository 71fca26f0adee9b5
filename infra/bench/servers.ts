import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { DialectName } from './dialect.ts';
import { type Child, type StartOptions, startNode } from './processes.ts';

export type Running = AsyncDisposable & { readonly url: string; readonly child: Child };
export type Server = Running & { readonly name: DialectName };

const START_MS = 60_000;
const URL_LINE = /"url":"(http:\/\/[^"]+)"|^(http:\/\/\S+)/m;

const started = async (child: Child): Promise<Running> => {
  const [, product, floor] = await child.line(URL_LINE, START_MS).catch(async (error: unknown) => {
    await child.stop();
    throw error;
  });
  const url = (product ?? floor ?? '').replace('//localhost', '//127.0.0.1');
  return { child, url, [Symbol.asyncDispose]: () => child.stop() };
};

/** What `parlance` does, without its look at whether everything is built: `npm run bench` has just built it. */
export const parlance = (args: readonly string[]): string[] => {
  const main = pathToFileURL(join(import.meta.dirname, '../main.js')).href;
  return ['-e', `import('${main}').then(({ main }) => main(${JSON.stringify(args)}))`];
};

type Options = StartOptions & { readonly dataDir: string };

const environment = (dataDir: string) => ({
  DATA_DIR: dataDir,
  PORT: '0',
  HOST: '127.0.0.1',
  PUBLIC_URL: '',
  LOG_LEVEL: 'warn',
  LIMIT_PERSON: '0',
  LIMIT_DEVICE: '0',
  LIMIT_ADDRESS: '0',
  LIMIT_CONVERSATION: '0',
  MAX_CONNECTIONS: '20000',
  MAX_CONNECTIONS_PER_ADDRESS: '20000',
  NODE_ENV: 'production',
});

export const startProduct = async ({ dataDir, ...options }: Options): Promise<Server> => ({
  ...(await started(startNode(parlance(['serve', '--json']), { ...options, env: environment(dataDir) }))),
  name: 'parlance',
});

const program = (file: string) => [join(import.meta.dirname, file)];

type FloorOptions = Options & {
  /** All frames of a socket in one system call. */
  readonly corked?: boolean;
  /** Everybody is in one conversation. */
  readonly together?: boolean;
  /** What arrives within so many milliseconds is one commit, and one write to each member. */
  readonly windowMs?: number;
};

export const startFloor = async ({
  dataDir,
  corked = false,
  together = false,
  windowMs = 0,
  ...options
}: FloorOptions): Promise<Server> => {
  const env = {
    DATA_DIR: dataDir,
    PORT: '0',
    FLOOR_CORK: corked ? '1' : '0',
    FLOOR_TOGETHER: together ? '1' : '0',
    FLOOR_WINDOW_MS: String(windowMs),
  };
  return { ...(await started(startNode(program('floor.js'), { ...options, env }))), name: 'floor' };
};

export const startPages = ({
  dataDir,
  messages,
  ...options
}: Options & { messages: number }): Promise<Running> =>
  started(
    startNode(program('pages.js'), { ...options, env: { DATA_DIR: dataDir, MESSAGES: String(messages) } }),
  );
