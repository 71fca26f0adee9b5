import { join } from 'node:path';
import type { DialectName, Person } from './dialect.ts';
import type { Request, RunOptions } from './loader.ts';
import { type Child, startNode } from './processes.ts';
import type { StepResult } from './step.ts';

export type Loader = AsyncDisposable & {
  /** Opens a socket for each person, closing those that were open. */
  connect(url: string, dialect: DialectName, people: readonly Person[]): Promise<void>;
  run(options: RunOptions): Promise<StepResult>;
};

const CONNECT_MS = 60_000;

/** Goes on over the loaders of a run: a step's messages have ids that the server has not seen. */
let steps = 0;

export const startLoader = (cpus: string | undefined): Loader => {
  const child = startNode([join(import.meta.dirname, 'loader.js')], { cpus, ipc: true });
  return {
    connect: async (url, dialect, people) => {
      await ask(child, { do: 'connect', url, dialect, people }, CONNECT_MS);
    },
    run: (options) =>
      ask(
        child,
        { do: 'run', number: (steps += 1), ...options },
        (options.seconds + options.warmup) * 2000 + 30_000,
      ) as Promise<StepResult>,
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
};

const ask = (child: Child, request: Request, withinMs: number): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`the loader did not answer in ${withinMs} ms`)), withinMs);
    child.process.once('message', (answer: { result?: unknown; error?: string }) => {
      clearTimeout(late);
      if (answer.error === undefined) resolve(answer.result);
      else reject(new Error(`loader: ${answer.error}`));
    });
    void child.ended.then((code) => {
      clearTimeout(late);
      reject(new Error(`the loader ended with ${code}`));
    });
    child.process.send(request);
  });
