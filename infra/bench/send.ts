import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Capacity, type Trial, findCapacity, rateOf, rungBelow, runTrial } from './capacity.ts';
import type { Person } from './dialect.ts';
import { temporaryFolder } from './folder.ts';
import { type Loader, startLoader } from './loader-process.ts';
import { type Calibration, calibrate, cores, load } from './machine.ts';
import { median, round, show } from './numbers.ts';
import type { BenchOptions } from './options.ts';
import { hasStrace, repin } from './processes.ts';
import { seedPairs } from './seed.ts';
import { type Server, startFloor, startProduct } from './servers.ts';

const PAIRS = 200;
const MODERATE = 5000;
/** For one capacity: the first has to find its place on the ladder. */
const WARM = { rate: 4000, seconds: 5 } as const;
const BUDGET_MS = { first: 75_000, later: 45_000, quick: 22_000 } as const;
/** Where climbing begins; the ladder finds its way from anywhere. */
const first = { parlance: rungBelow(10_000), floor: rungBelow(28_500) };

export type SendRound = {
  readonly parlance: Capacity;
  readonly floor: Capacity;
  readonly ratio: number;
  readonly load: number;
  readonly calibration: Calibration;
};

export type SendResult = {
  /** Messages a second, 1:1, with p99 of delivery under 100 ms and nothing missing, repeated or out of order. */
  readonly rate: number;
  readonly floor: number;
  readonly ratio: number;
  readonly p50: number;
  readonly p99: number;
  /** Every capacity was proven, none was the loader's. False on a machine that had too much else to do. */
  readonly sound: boolean;
  readonly fsyncsPerMessage: number | null;
  readonly floorFsyncsPerMessage: number | null;
  readonly fsyncsAt: number;
  readonly cpuMicros: number | null;
  readonly floorCpuMicros: number | null;
  readonly rounds: readonly SendRound[];
  /** The server on both cores, which it shares with the loader. */
  readonly bothCores: SendRound | null;
  /** The floor with all frames of a socket in one system call. */
  readonly corkedFloor: Capacity | null;
};

type Sides = {
  readonly parlance: Server;
  readonly floor: Server;
  readonly people: readonly Person[];
  readonly loader: Loader;
};

/** The capacity of the product and of the floor, in turns. */
export const benchSend = async ({
  seconds,
  quick,
  rounds,
  thorough,
  say,
}: BenchOptions): Promise<SendResult> => {
  using productFolder = temporaryFolder();
  using floorFolder = temporaryFolder();
  const place = cores();
  say(`send: adding ${2 * PAIRS} people`);
  const people = await seedPairs(productFolder.path, PAIRS);
  const trial = { seconds, warmup: quick ? 0.5 : 1 };
  const start = { ...first };
  const found = new Set<string>();

  const capacityOf = async (sides: Sides, side: 'parlance' | 'floor', label: string) => {
    const server = sides[side];
    await sides.loader.connect(server.url, server.name, sides.people);
    const trialAt = async (rate: number) => {
      const done = await runTrial(server, sides.loader, rate, trial);
      say(`send: ${label} ${side} ${describe(done)}`);
      return done;
    };
    // A server that has just started is slow until its code is compiled: that is not its capacity.
    if (!found.has(side))
      await runTrial(server, sides.loader, WARM.rate, { seconds: WARM.seconds, warmup: 0 });
    const budgetMs = quick ? BUDGET_MS.quick : found.has(side) ? BUDGET_MS.later : BUDGET_MS.first;
    const capacity = await findCapacity(trialAt, start[side], { times: quick ? 1 : 3, budgetMs });
    found.add(side);
    if (capacity.rate > 0) start[side] = rungBelow(capacity.rate * 1.001);
    return capacity;
  };
  const oneRound = async (
    sides: Sides,
    order: readonly ('parlance' | 'floor')[],
    label: string,
  ): Promise<SendRound> => {
    const calibration = await calibrate();
    const both = new Map<string, Capacity>();
    for (const side of order) both.set(side, await capacityOf(sides, side, label));
    const [parlance, floor] = [both.get('parlance'), both.get('floor')];
    if (!parlance || !floor) throw new Error('a round has two sides');
    return {
      parlance,
      floor,
      ratio: floor.rate === 0 ? 0 : round(parlance.rate / floor.rate),
      load: load(),
      calibration,
    };
  };

  const done: SendRound[] = [];
  let bothCores: SendRound | null = null;
  let corkedFloor: Capacity | null = null;
  {
    await using loader = startLoader(place?.loader);
    const pinned = { cpus: place?.server };
    await using parlance = await startProduct({ dataDir: productFolder.path, ...pinned });
    await using floor = await startFloor({ dataDir: floorFolder.path, ...pinned });
    const sides: Sides = { parlance, floor, people, loader };
    for (let i = 0; i < rounds; i += 1) {
      const order = i % 2 === 0 ? (['parlance', 'floor'] as const) : (['floor', 'parlance'] as const);
      done.push(await oneRound(sides, order, `round ${i + 1}/${rounds}`));
    }
    if (place && !quick) {
      for (const { child } of [parlance, floor]) repin(child.pid, place.both);
      bothCores = await oneRound(sides, ['parlance', 'floor'], 'both cores');
    }
    if (thorough) {
      using folder = temporaryFolder();
      await using corked = await startFloor({ dataDir: folder.path, corked: true, ...pinned });
      corkedFloor = await capacityOf({ ...sides, floor: corked }, 'floor', 'corked');
    }
  }

  const rate = median(done.map(({ parlance }) => parlance.rate));
  const fsyncsAt = Math.min(MODERATE, rateOf(rungBelow(Math.max(200, rate * 0.8))));
  const fsyncs = { people, rate: fsyncsAt, seconds, place, say };
  const fsyncsPerMessage = await countFsyncs({ ...fsyncs, name: 'parlance', dataDir: productFolder.path });
  const floorFsyncsPerMessage = await countFsyncs({ ...fsyncs, name: 'floor', dataDir: floorFolder.path });
  const of = (pick: (one: SendRound) => number | null) => median(done.map((one) => pick(one) ?? Number.NaN));
  const orNull = (value: number) => (Number.isNaN(value) ? null : round(value, 1));
  return {
    rate: Math.round(rate),
    floor: Math.round(of(({ floor }) => floor.rate)),
    ratio: round(of(({ ratio }) => ratio)),
    p50: round(of(({ parlance }) => parlance.p50)),
    p99: round(of(({ parlance }) => parlance.p99)),
    sound: done.every(({ parlance, floor }) => isSound(parlance) && isSound(floor)),
    fsyncsPerMessage,
    floorFsyncsPerMessage,
    fsyncsAt,
    cpuMicros: orNull(of(({ parlance }) => parlance.cpuMicros)),
    floorCpuMicros: orNull(of(({ floor }) => floor.cpuMicros)),
    rounds: done,
    bothCores,
    corkedFloor,
  };
};

const isSound = ({ rate, proven, limitedByLoader }: Capacity) => rate > 0 && proven && !limitedByLoader;

const describe = ({ rate, verdict, p50, p99, cpuMicros, settleMs, ...step }: Trial): string => {
  const wrong = (['missing', 'unacknowledged', 'repeated', 'reordered'] as const)
    .filter((name) => step[name] > 0)
    .map((name) => `${name} ${step[name]}`);
  const late = `lag ${show(step.lagP99)} ms, loader ${Math.round(step.loaderCpu * 100)} %`;
  return [
    `${show(rate)}/s: ${verdict}`,
    `p50 ${show(p50)} p99 ${show(p99)} ms`,
    `${show(cpuMicros)} µs`,
    `settled in ${show(settleMs)} ms`,
    late,
    ...wrong,
    ...(step.saturated ? ['saturated'] : []),
    ...(step.error === undefined ? [] : [step.error]),
    `load ${load()}`,
  ].join(', ');
};

type FsyncOptions = {
  readonly name: 'parlance' | 'floor';
  readonly dataDir: string;
  readonly people: readonly Person[];
  readonly rate: number;
  readonly seconds: number;
  readonly place: ReturnType<typeof cores>;
  readonly say: (line: string) => void;
};

/** In a run of its own: tracing costs something. What other work the server does after the answers counts as well. */
const countFsyncs = async ({
  name,
  dataDir,
  people,
  rate,
  seconds,
  place,
  say,
}: FsyncOptions): Promise<number | null> => {
  if (!hasStrace) {
    say('send: no strace here, so fsyncs are not counted');
    return null;
  }
  using folder = temporaryFolder();
  const strace = join(folder.path, 'fsyncs');
  const start = name === 'parlance' ? startProduct : startFloor;
  await using server = await start({ dataDir, cpus: place?.server, strace });
  await using loader = startLoader(place?.loader);
  await loader.connect(server.url, name, people);
  const from = Date.now() / 1000;
  const trial = await runTrial(server, loader, rate, { seconds, warmup: 0 });
  const to = Date.now() / 1000;
  const calls = readFileSync(strace, 'utf8')
    .split('\n')
    .filter((line) => /\bf(data)?sync\(/.test(line))
    .map((line) => Number(/\d+\.\d+/.exec(line)?.[0]));
  const during = calls.filter((at) => at >= from && at <= to).length;
  say(`send: ${name} under strace ${describe(trial)}: ${during} fsyncs for ${trial.sent} messages`);
  return trial.sent > 0 ? round(during / trial.sent, 4) : null;
};
