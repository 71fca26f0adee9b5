import { type Capacity, rateOf } from './capacity.ts';
import { createDuel } from './duel.ts';
import { type FixedResult, atRate } from './fixed-rate.ts';
import { temporaryFolder } from './folder.ts';
import { startLoader } from './loader-process.ts';
import { cores } from './machine.ts';
import type { BenchOptions } from './options.ts';
import { seedPairs } from './seed.ts';
import { pairsNear, pairsWarm } from './send.ts';
import { startFloor, startProduct } from './servers.ts';

const PAIRS = 200;
const BUDGET_MS = { quick: 20_000, usual: 60_000 } as const;

/** `members` of one conversation. */
export type LatencyResult = FixedResult & {
  readonly members: 2;
  readonly pairs: number;
  /** The product's, of which the rate is half; null when the rate was given. */
  readonly capacity: Capacity | null;
};

/** One-to-one messages at half of what the server can carry: how long one takes. */
export const benchLatency = async (options: BenchOptions): Promise<LatencyResult> => {
  const { quick, rounds, seconds, say } = options;
  using productFolder = temporaryFolder();
  using floorFolder = temporaryFolder();
  const place = cores();
  say(`latency: adding ${2 * PAIRS} people`);
  const people = await seedPairs(productFolder.path, PAIRS);
  await using loader = startLoader(place?.loader);
  const pinned = { cpus: place?.server };
  await using parlance = await startProduct({ dataDir: productFolder.path, ...pinned });
  await using floor = await startFloor({ dataDir: floorFolder.path, ...pinned });
  const sides = { parlance, floor, people, loader, audience: 'pairs' } as const;
  const budgetMs = quick ? BUDGET_MS.quick : BUDGET_MS.usual;
  const duel = createDuel({
    name: 'latency',
    seconds,
    warmup: quick ? 0.5 : 1,
    near: pairsNear,
    warm: pairsWarm,
    budgetMs: { first: budgetMs, later: budgetMs },
    times: quick ? 1 : 3,
    say,
  });
  const capacity = options.rate === undefined ? await duel.capacityOf(sides, 'parlance', 'capacity') : null;
  const half = Math.max(rateOf(0), Math.round((capacity?.rate ?? 0) / 2));
  const result = await atRate(sides, {
    name: 'latency',
    rate: options.rate ?? half,
    trial: { seconds: 2 * seconds, warmup: 1 },
    warm: { seconds: 5, warmup: 0 },
    rounds,
    say,
  });
  return { members: 2, pairs: PAIRS, capacity, ...result };
};
