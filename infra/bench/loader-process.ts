import { join } from 'node:path';
import type { DialectName, Person } from './dialect.ts';
import type { AudienceName } from './audience.ts';
import type { CrowdRequest, ReturnResult } from './crowd.ts';
import type { Request, RunOptions } from './loader.ts';
import { type Child, startNode } from './processes.ts';
import type { StepResult } from './step.ts';

export type Loader = AsyncDisposable & {
  /** Opens a socket for each person, closing those that were open. */
  connect(
    url: string,
    dialect: DialectName,
    people: readonly Person[],
    audience?: AudienceName,
  ): Promise<void>;
  run(options: RunOptions): Promise<StepResult>;
};

const CONNECT_MS = 60_000;

const CROWD_MS = 120_000;

/** Thousands of sockets. */
export type Crowd = AsyncDisposable & {
  arrive(
    server: { readonly url: string; readonly name: DialectName },
    people: readonly Person[],
  ): Promise<void>;
  /** All but one of each conversation go; that one then says so many messages. */
  leave(messages: number): Promise<void>;
  /** And all come back at once. */
  comeBack(): Promise<ReturnResult>;
};

export const startCrowd = (cpus: string | undefined): Crowd => {
  const child = startNode([join(import.meta.dirname, 'crowd.js')], { cpus, ipc: true });
  return {
    arrive: async ({ url, name: dialect }, people) => {
      await ask(child, { do: 'arrive', url, dialect, people }, CROWD_MS);
    },
    leave: async (messages) => {
      await ask(child, { do: 'leave', messages }, CROWD_MS);
    },
    comeBack: () => ask(child, { do: 'return' }, CROWD_MS) as Promise<ReturnResult>,
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
};

/** Goes on over the loaders of a run: a step's messages have ids that the server has not seen. */
let steps = 0;

export const startLoader = (cpus: string | undefined): Loader => {
  const child = startNode([join(import.meta.dirname, 'loader.js')], { cpus, ipc: true });
  return {
    connect: async (url, dialect, people, audience = 'pairs') => {
      await ask(child, { do: 'connect', url, dialect, people, audience }, CONNECT_MS);
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

const ask = (child: Child, request: Request | CrowdRequest, withinMs: number): Promise<unknown> =>
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
