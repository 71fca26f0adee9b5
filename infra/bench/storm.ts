import type { ReturnResult } from './crowd.ts';
import { temporaryFolder } from './folder.ts';
import { type Loader, startCrowd, startLoader } from './loader-process.ts';
import { type Calibration, calibrate, cores, load } from './machine.ts';
import { show } from './numbers.ts';
import type { BenchOptions } from './options.ts';
import { forgetPeak, memoryOf, untilIdle } from './processes.ts';
import { seedGroups, seedPairs } from './seed.ts';
import { startProduct } from './servers.ts';
import type { StepResult } from './step.ts';

const GROUP = 1000;
const GROUPS = { quick: 2, usual: 5 } as const;
const PAIRS = 200;
/** One-to-one messages a second of people who stay. */
const RATE = 500;
const WARM = { rate: RATE, seconds: 4, warmup: 0 } as const;
/** Messages that each of those who are away misses. */
const MISSED = 20;
const SECONDS = 12;
const IDLE_MS = 20_000;

export type StormResult = {
  readonly sockets: number;
  readonly missedEach: number;
  /** Of one-to-one messages of others, while all come back, and before. */
  readonly rate: number;
  readonly p99: number;
  readonly calmP99: number;
  /** Milliseconds until so many have everything that they missed. */
  readonly back: ReturnResult;
  /** Of the server: resident bytes with everybody there, and the most there were while they came back. */
  readonly residentBytes: number | null;
  readonly peakBytes: number | null;
  /** Others lost nothing, and those who came back have everything once. */
  readonly exact: boolean;
  readonly during: StepResult;
  readonly load: number;
  readonly calibration: Calibration;
};

/** Thousands of sockets come back at once, each with the token of where it was, while others talk. */
export const benchStorm = async ({ quick, rate = RATE, say }: BenchOptions): Promise<StormResult> => {
  const groups = quick ? GROUPS.quick : GROUPS.usual;
  using folder = temporaryFolder();
  const place = cores();
  say(`storm: adding ${show(groups * GROUP + 2 * PAIRS)} people`);
  const pairs = await seedPairs(folder.path, PAIRS);
  const members = await seedGroups(folder.path, groups, GROUP);
  const calibration = await calibrate();
  await using server = await startProduct({ dataDir: folder.path, cpus: place?.server });
  const { pid } = server.child;
  await using loader: Loader = startLoader(place?.loader);
  await using crowd = startCrowd(place?.loader);
  await crowd.arrive(server, members);
  await loader.connect(server.url, server.name, pairs);
  await loader.run(WARM);
  const calm = await loader.run({ rate, seconds: SECONDS / 2, warmup: 0 });
  await untilIdle(pid, IDLE_MS);
  const before = memoryOf(pid);
  await crowd.leave(MISSED);
  await untilIdle(pid, IDLE_MS);
  forgetPeak(pid);
  const others = loader.run({ rate, seconds: SECONDS, warmup: 0 });
  const back = await crowd.comeBack();
  const after = memoryOf(pid);
  const during = await others;
  say(
    `storm: ${show(back.sockets)} back in ${show(back.all)} ms (p50 ${show(back.p50)}), ${back.turnedAway} times turned away; others p99 ${show(during.p99)} ms (before ${show(calm.p99)}), lag ${show(during.lagP99)}; peak ${show((after?.peak ?? 0) / 2 ** 20)} MiB`,
  );
  const { missing, unacknowledged, repeated, reordered, error } = during;
  const lost = missing + unacknowledged + repeated + reordered + back.missing;
  return {
    sockets: back.sockets,
    missedEach: MISSED,
    rate,
    p99: during.p99,
    calmP99: calm.p99,
    back,
    residentBytes: before?.resident ?? null,
    peakBytes: after?.peak ?? null,
    exact: lost === 0 && error === undefined,
    during,
    load: load(),
    calibration,
  };
};
