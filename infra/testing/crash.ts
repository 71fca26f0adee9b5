import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openCore } from '../core.ts';
import { openEventStore } from '../event-store/open.ts';
import { createLog } from '../log.ts';
import { compareWithRebuild } from './compare.ts';
import { checkLog, checkReceipts, type Problem, readStreams } from './crash-check.ts';
import { createLoad, seedFolder } from './crash-load.ts';
import { createRandom, type Random } from './random.ts';
import { spawnParlance, spawnServer } from './spawn.ts';

/** `lost` and so on count problems, `failedSeeds` repeat the runs that had any. */
export type CrashReport = {
  readonly runs: number;
  readonly acknowledged: number;
  readonly lost: number;
  readonly repeated: number;
  readonly reordered: number;
  readonly differing: number;
  readonly failedSeeds: readonly number[];
  readonly ms: number;
};

type Run = { readonly acknowledged: number; readonly problems: readonly Problem[] };

const ANSWERED_MS = 30_000;
const VIEWS_MS = 30_000;
/** How long a server takes to start here, about. */
const START_MS = 700;

/** Kills a server at a moment of the seed's choice, again and again, while clients send; then looks for what went missing. */
export const crashOnce = async (seed: number): Promise<Run> => {
  const random = createRandom(seed);
  const folder = await mkdtemp(join(tmpdir(), 'parlance-crash-'));
  try {
    const load = createLoad(await seedFolder(folder), random.fork());
    const kills = random.between(1, 3);
    for (let kill = 0; kill < kills; kill += 1) await crash(folder, load, random);
    const server = await spawnServer(folder);
    try {
      await load.finish(server.url, ANSWERED_MS);
      server.child.kill('SIGTERM');
      const { code, stderr } = await server.exit;
      if (code !== 0 || stderr !== '') throw new Error(`the server ended with ${code}: ${stderr}`);
    } finally {
      server.child.kill('SIGKILL');
    }
    const acknowledged = [...load.log.intents.values()].filter(({ answer }) => answer && 'seq' in answer);
    return { acknowledged: acknowledged.length, problems: await check(folder, load) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

type Load = ReturnType<typeof createLoad>;

const crash = async (folder: string, load: Load, random: Random): Promise<void> => {
  const moment = random.next();
  const ms = random.between(0, 350);
  if (moment < 0.2) {
    // While it starts; it may be ready by then.
    const { child, exit } = spawnParlance(['serve'], { PORT: '0', DATA_DIR: folder, LOG_LEVEL: 'warn' });
    await delay(random.between(0, START_MS));
    child.kill('SIGKILL');
    await exit;
    return;
  }
  const server = await spawnServer(folder);
  const end = async (): Promise<string> => {
    await delay(ms);
    if (moment > 0.8) {
      // While it shuts down.
      server.child.kill('SIGTERM');
      await delay(random.between(0, 60));
    }
    server.child.kill('SIGKILL');
    return (await server.exit).stderr;
  };
  const gone = end();
  await load.until(server.url, gone);
  const complaints = await gone;
  if (complaints !== '') throw new Error(`the server complained: ${complaints}`);
};

const check = async (folder: string, load: Load): Promise<Problem[]> => {
  const problems: Problem[] = [];
  {
    await using core = await openCore({ DATA_DIR: folder, STATE_CACHE_MB: 16 }, createLog('silent'));
    const streams = await readStreams(core.store);
    problems.push(...checkLog(streams, load.log));
    problems.push(...(await checkReceipts(core.store, streams, load.log)));
    if (!(await core.running.reached(await core.store.end(), VIEWS_MS)))
      throw new Error(`the views did not come to the log's end within ${VIEWS_MS} ms`);
    for (const { name, parked } of core.running.state())
      if (parked > 0)
        problems.push({ kind: 'differing', text: `${name} has parked ${parked} conversations` });
  }
  await using store = await openEventStore({ type: 'sqlite', dataDir: folder });
  for (const difference of await compareWithRebuild(store, folder))
    problems.push({ kind: 'differing', text: JSON.stringify(difference) });
  return problems;
};

/** Runs with the seeds `seed`, `seed + 1`, …, some at a time. `tell` hears of each run's end; after `signal` none begins. */
export const fuzzCrash = async ({
  runs,
  seed,
  parallel = 2,
  signal,
  tell = () => undefined,
}: {
  runs: number;
  seed: number;
  parallel?: number;
  signal?: AbortSignal;
  tell?: (seed: number, run: Run | { readonly error: unknown }) => void;
}): Promise<CrashReport> => {
  const start = performance.now();
  const failedSeeds: number[] = [];
  const counts = { acknowledged: 0, lost: 0, repeated: 0, reordered: 0, differing: 0 };
  let next = 0;
  const worker = async () => {
    while (next < runs && !signal?.aborted) {
      const mine = seed + next;
      next += 1;
      try {
        const run = await crashOnce(mine);
        counts.acknowledged += run.acknowledged;
        for (const { kind } of run.problems) counts[kind] += 1;
        if (run.problems.length > 0) failedSeeds.push(mine);
        tell(mine, run);
      } catch (error) {
        if (signal?.aborted) return; // the signal may have reached the server too
        failedSeeds.push(mine);
        tell(mine, { error });
      }
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return { runs: next, ...counts, failedSeeds, ms: Math.round(performance.now() - start) };
};
