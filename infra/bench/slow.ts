import { exact } from './capacity.ts';
import { temporaryFolder } from './folder.ts';
import { MEMBERS } from './group.ts';
import { startLoader } from './loader-process.ts';
import type { StepResult } from './step.ts';
import { type Calibration, calibrate, cores, load } from './machine.ts';
import { show } from './numbers.ts';
import type { BenchOptions } from './options.ts';
import { forgetPeak, memoryOf, untilIdle } from './processes.ts';
import { seedGroups } from './seed.ts';
import { startProduct } from './servers.ts';

const STALLED = MEMBERS / 100;
const RATE = 100;
/** Characters: so that those who read nothing are soon far behind. */
const EXTRA = 8_000;
const SECONDS = { quick: 12, usual: 20 } as const;
const WARM = { rate: RATE, seconds: 4, warmup: 0 } as const;
const IDLE_MS = 20_000;

export type SlowResult = {
  readonly members: number;
  readonly stalled: number;
  /** How many of the stalled the server closed. */
  readonly dropped: number;
  readonly rate: number;
  readonly bytesPerMessage: number;
  /** Of delivery to the others, with everybody reading and with some stalled. */
  readonly allReadingP99: number;
  readonly p99: number;
  readonly residentBytes: number | null;
  readonly peakBytes: number | null;
  /** The others got everything, once and in order. */
  readonly exact: boolean;
  readonly run: StepResult;
  readonly load: number;
  readonly calibration: Calibration;
};

/** One in a hundred of a group stops reading: what the others and the server's memory notice. */
export const benchSlow = async ({ quick, rate = RATE, say }: BenchOptions): Promise<SlowResult> => {
  using folder = temporaryFolder();
  const place = cores();
  const seconds = quick ? SECONDS.quick : SECONDS.usual;
  say(`slow: adding ${show(MEMBERS)} people`);
  const people = await seedGroups(folder.path, 1, MEMBERS);
  const calibration = await calibrate();
  await using server = await startProduct({ dataDir: folder.path, cpus: place?.server });
  const { pid } = server.child;
  await using loader = startLoader(place?.loader);
  await loader.connect(server.url, server.name, people, 'group');
  await loader.run(WARM);
  const calm = await loader.run({ rate, seconds, warmup: 0, extra: EXTRA });
  await untilIdle(pid, IDLE_MS);
  forgetPeak(pid);
  const before = memoryOf(pid);
  const run = await loader.run({ rate, seconds, warmup: 0, extra: EXTRA, stalled: STALLED });
  const after = memoryOf(pid);
  const dropped = await droppedBy(server.url);
  say(
    `slow: others p99 ${show(run.p99)} ms (all reading ${show(calm.p99)}), ${dropped} of ${STALLED} dropped, lag ${show(run.lagP99)}, inexact ${run.inexact}; from ${show((before?.resident ?? 0) / 2 ** 20)} to ${show((after?.peak ?? 0) / 2 ** 20)} MiB`,
  );
  return {
    members: MEMBERS,
    stalled: STALLED,
    dropped,
    rate,
    bytesPerMessage: EXTRA,
    allReadingP99: calm.p99,
    p99: run.p99,
    residentBytes: before?.resident ?? null,
    peakBytes: after?.peak ?? null,
    exact: exact(run),
    run,
    load: load(),
    calibration,
  };
};

/** Readers that the server has given up as too slow: whoever reads nothing can't see that. */
const droppedBy = async (url: string): Promise<number> => {
  const metrics = await (await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(10_000) })).text();
  return Number(/^parlance_connections_ended_total\{why="slow"\} (\d+)/m.exec(metrics)?.[1] ?? 0);
};
