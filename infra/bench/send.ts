import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Capacity, rateOf, rungBelow, runTrial } from './capacity.ts';
import type { Person } from './dialect.ts';
import { type Round, type Sides, createDuel, describe, isSound } from './duel.ts';
import { temporaryFolder } from './folder.ts';
import { startLoader } from './loader-process.ts';
import { cores } from './machine.ts';
import { median, round } from './numbers.ts';
import type { BenchOptions } from './options.ts';
import { hasStrace, repin } from './processes.ts';
import { seedPairs } from './seed.ts';
import { startFloor, startProduct } from './servers.ts';

const PAIRS = 200;
const MODERATE = 5000;
/** Where the search for capacities of pairs begins. */
export const pairsNear = { parlance: 10_000, floor: 28_500 } as const;
export const pairsWarm = { rate: 4000, seconds: 5 } as const;
const BUDGET_MS = { first: 75_000, later: 45_000, quick: 22_000 } as const;

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
  readonly rounds: readonly Round[];
  /** The server on both cores, which it shares with the loader. */
  readonly bothCores: Round | null;
  /** The floor with all frames of a socket in one system call. */
  readonly corkedFloor: Capacity | null;
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
  const duel = createDuel({
    name: 'send',
    seconds,
    warmup: quick ? 0.5 : 1,
    near: pairsNear,
    warm: pairsWarm,
    budgetMs: quick ? { first: BUDGET_MS.quick, later: BUDGET_MS.quick } : BUDGET_MS,
    times: quick ? 1 : 3,
    say,
  });
  const done: Round[] = [];
  let bothCores: Round | null = null;
  let corkedFloor: Capacity | null = null;
  {
    await using loader = startLoader(place?.loader);
    const pinned = { cpus: place?.server };
    await using parlance = await startProduct({ dataDir: productFolder.path, ...pinned });
    await using floor = await startFloor({ dataDir: floorFolder.path, ...pinned });
    const sides: Sides = { parlance, floor, people, loader, audience: 'pairs' };
    for (let i = 0; i < rounds; i += 1) done.push(await duel.round(sides, i, `round ${i + 1}/${rounds}`));
    if (place && !quick) {
      for (const { child } of [parlance, floor]) repin(child.pid, place.both);
      bothCores = await duel.round(sides, 0, 'both cores');
    }
    if (thorough) {
      using folder = temporaryFolder();
      await using corked = await startFloor({ dataDir: folder.path, corked: true, ...pinned });
      corkedFloor = await duel.capacityOf({ ...sides, floor: corked }, 'floor', 'corked');
    }
  }

  const rate = median(done.map(({ parlance }) => parlance.rate));
  const fsyncsAt = Math.min(MODERATE, rateOf(rungBelow(Math.max(200, rate * 0.8))));
  const fsyncs = { people, rate: fsyncsAt, seconds, place, say };
  const fsyncsPerMessage = await countFsyncs({ ...fsyncs, name: 'parlance', dataDir: productFolder.path });
  const floorFsyncsPerMessage = await countFsyncs({ ...fsyncs, name: 'floor', dataDir: floorFolder.path });
  const of = (pick: (one: Round) => number | null) => median(done.map((one) => pick(one) ?? Number.NaN));
  const orNull = (value: number) => (Number.isNaN(value) ? null : round(value, 1));
  return {
    rate: Math.round(rate),
    floor: Math.round(of(({ floor }) => floor.rate)),
    ratio: round(of(({ ratio }) => ratio)),
    p50: round(of(({ parlance }) => parlance.p50)),
    p99: round(of(({ parlance }) => parlance.p99)),
    sound: done.every(isSound),
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
