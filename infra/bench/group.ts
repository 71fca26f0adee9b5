import type { Capacity } from './capacity.ts';
import { type Round, createDuel, isSound } from './duel.ts';
import { temporaryFolder } from './folder.ts';
import { startLoader } from './loader-process.ts';
import { cores } from './machine.ts';
import { median, round } from './numbers.ts';
import type { BenchOptions } from './options.ts';
import { seedGroups } from './seed.ts';
import { startFloor, startProduct } from './servers.ts';

export const MEMBERS = 1000;
/** With a window the floor carries more than when it writes at once, and the product has one under load. */
const WINDOW_MS = 20;
const near = { parlance: 2000, floor: 1600 } as const;
const WARM = { rate: 100, seconds: 4 } as const;
const BUDGET_MS = { first: 45_000, later: 28_000, quick: 20_000 } as const;

export type GroupResult = {
  readonly members: number;
  /** Messages a second in one group, with p99 of delivery to everybody under 100 ms and everything exact. */
  readonly rate: number;
  readonly floor: number;
  readonly ratio: number;
  readonly p50: number;
  readonly p99: number;
  readonly sound: boolean;
  readonly deliveriesPerSecond: number;
  readonly cpuMicrosPerDelivery: number;
  readonly floorCpuMicrosPerDelivery: number;
  readonly rounds: readonly Round[];
  /** The floor when it writes each commit at once instead of gathering for 20 ms; its trials often are the loader's limit. */
  readonly hastyFloor: Capacity | null;
};

/** One group, everybody in it at a socket, messages from anybody: the capacity of the product and of the floor, in turns. */
export const benchGroup = async ({
  seconds,
  quick,
  rounds,
  thorough,
  say,
}: BenchOptions): Promise<GroupResult> => {
  using productFolder = temporaryFolder();
  using floorFolder = temporaryFolder();
  const place = cores();
  say(`group: adding ${MEMBERS} people`);
  const people = await seedGroups(productFolder.path, 1, MEMBERS);
  const duel = createDuel({
    name: 'group',
    seconds,
    warmup: quick ? 0.5 : 1,
    near,
    warm: WARM,
    budgetMs: quick ? { first: BUDGET_MS.quick, later: BUDGET_MS.quick } : BUDGET_MS,
    times: quick ? 1 : 3,
    say,
  });
  const done: Round[] = [];
  let hastyFloor: Capacity | null = null;
  {
    await using loader = startLoader(place?.loader);
    const pinned = { cpus: place?.server };
    await using parlance = await startProduct({ dataDir: productFolder.path, ...pinned });
    const together = { together: true, ...pinned };
    await using floor = await startFloor({ dataDir: floorFolder.path, windowMs: WINDOW_MS, ...together });
    const sides = { parlance, floor, people, loader, audience: 'group' } as const;
    for (let i = 0; i < rounds; i += 1) done.push(await duel.round(sides, i, `round ${i + 1}/${rounds}`));
    if (thorough) {
      using folder = temporaryFolder();
      await using hasty = await startFloor({ dataDir: folder.path, ...together });
      hastyFloor = await duel.capacityOf({ ...sides, floor: hasty }, 'floor', 'at once');
    }
  }
  const of = (pick: (one: Round) => number) => round(median(done.map(pick)));
  const rate = of(({ parlance }) => parlance.rate);
  return {
    members: MEMBERS,
    rate,
    floor: of(({ floor }) => floor.rate),
    ratio: of(({ ratio }) => ratio),
    p50: of(({ parlance }) => parlance.p50),
    p99: of(({ parlance }) => parlance.p99),
    sound: done.every(isSound),
    deliveriesPerSecond: rate * MEMBERS,
    cpuMicrosPerDelivery: of(({ parlance }) => (parlance.cpuMicros ?? Number.NaN) / MEMBERS),
    floorCpuMicrosPerDelivery: of(({ floor }) => (floor.cpuMicros ?? Number.NaN) / MEMBERS),
    rounds: done,
    hastyFloor,
  };
};
