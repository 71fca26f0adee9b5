import { z } from 'zod';
import { START } from '../../domain/ports/event-store.ts';
import type { App } from './app.ts';
import type { HttpDeps } from './deps.ts';

const PART_MS = 1_000;

const Part = z.object({ ok: z.boolean(), detail: z.string().optional() });
const View = z.object({
  ok: z.boolean(),
  parked: z.number().meta({ description: 'Conversations that wait for a repair' }),
});
const Ready = z.object({
  ok: z.boolean(),
  store: Part,
  directory: Part,
  projections: z.record(z.string(), View),
});
type Ready = z.infer<typeof Ready>;

/** For whoever starts and watches the process: is it alive, and can it do its work. */
export const healthRoutes =
  ({ store, directory, running }: Pick<HttpDeps, 'store' | 'directory' | 'running'>) =>
  (app: App) => {
    app.get(
      '/health/live',
      {
        logLevel: 'warn',
        schema: {
          summary: 'The process answers',
          tags: ['Operations'],
          response: { 200: z.object({ ok: z.literal(true) }) },
        },
      },
      async () => ({ ok: true as const }),
    );

    app.get(
      '/health/ready',
      { schema: { summary: 'Every part works', tags: ['Operations'], response: { 200: Ready, 503: Ready } } },
      async (_request, reply) => {
        const [storePart, directoryPart] = await Promise.all([
          check(async () => {
            await store.readAll(START, 1);
            if (!store.health().writable) throw new NotWritable();
          }),
          check(() => directory.people.owner()),
        ]);
        const projections = Object.fromEntries(
          running.state().map(({ name, parked, failing }) => [name, { ok: failing === undefined, parked }]),
        );
        const ok = storePart.ok && directoryPart.ok && Object.values(projections).every((view) => view.ok);
        const ready: Ready = { ok, store: storePart, directory: directoryPart, projections };
        return reply.status(ok ? 200 : 503).send(ready);
      },
    );
  };

/** Says what is wrong by its code: messages of errors may hold paths and addresses. */
const check = async (ask: () => Promise<unknown>): Promise<z.infer<typeof Part>> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Late()), PART_MS);
  });
  try {
    await Promise.race([ask(), late]);
    return { ok: true };
  } catch (error) {
    return { ok: false, detail: error instanceof Error && 'code' in error ? String(error.code) : 'failed' };
  } finally {
    clearTimeout(timer);
  }
};

class NotWritable extends Error {
  readonly code = 'not_writable';
}

class Late extends Error {
  readonly code = 'too_slow';
}
