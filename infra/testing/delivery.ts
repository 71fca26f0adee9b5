import { setTimeout as delay } from 'node:timers/promises';
import { openEventStore } from '../event-store/open.ts';
import { compareWithRebuild } from './compare.ts';
import { type Host, createHost, seedWorlds } from './delivery-host.ts';
import { openTruth } from './delivery-model.ts';
import { createWorld } from './delivery-world.ts';
import { type Random, createRandom } from './random.ts';

/** `operations` that people did, `drops` of connections, `kills` and restarts of servers; `differing` counts what was found wrong. */
export type DeliveryReport = {
  readonly runs: number;
  readonly operations: number;
  readonly drops: number;
  readonly kills: number;
  readonly differing: number;
  readonly failedSeeds: readonly number[];
  readonly ms: number;
};

/** Worlds that share a server, which is much of what a world costs. */
const TOGETHER = 12;

type Batch = {
  readonly operations: number;
  readonly drops: number;
  readonly kills: number;
  readonly problems: ReadonlyMap<number, readonly string[]>;
};

/** Some worlds over one server that comes and goes; at the end every device knows what the log says, and so do the views. */
export const deliverOnce = async (seeds: readonly number[]): Promise<Batch> => {
  const random = createRandom(seeds[0] ?? 0);
  await using host = await createHost(random.chance(0.2));
  const worlds = seeds.map((seed) => ({ seed, random: createRandom(seed) }));
  const casts = await seedWorlds(host.folder, worlds);
  await host.start();
  const truth = openTruth(host.folder);
  const problems = new Map<number, readonly string[]>();
  const running = worlds.map(({ seed, random: own }, index) => {
    const cast = casts[index] ?? { people: [], devices: [], conversations: [] };
    return { seed, cast, world: createWorld(host.url, cast, own) };
  });
  let kills = 0;
  try {
    for (const { world } of running) world.connect();
    const acting = Promise.all(running.map(({ world }) => world.run()));
    kills = await disturb(host, random, acting);
    await acting;
    await Promise.all(
      running.map(async ({ seed, cast, world }) => {
        const wrong = await world.settle(() => truth.read(cast.people));
        if (wrong.length > 0) problems.set(seed, wrong);
      }),
    );
  } finally {
    for (const { world } of running) world.close();
    truth.close();
    await host.stop();
  }
  const differences = await compare(host.folder);
  for (const { seed } of running)
    if (differences.length > 0) problems.set(seed, [...(problems.get(seed) ?? []), ...differences]);
  const sum = (of: (world: (typeof running)[number]['world']) => number) =>
    running.reduce((total, { world }) => total + of(world), 0);
  return {
    operations: sum((world) => world.operations()),
    drops: sum((world) => world.drops()),
    kills,
    problems,
  };
};

/** Takes the server away and brings it back, some times, while everybody acts. */
const disturb = async (host: Host, random: Random, acting: Promise<unknown>): Promise<number> => {
  let over = false;
  void acting.finally(() => (over = true)).catch(() => undefined);
  const wanted = host.killable ? random.between(1, 3) : random.chance(0.5) ? 1 : 0;
  let kills = 0;
  while (kills < wanted) {
    await delay(random.between(5, 100));
    if (over) break;
    await (random.chance(0.7) ? host.kill() : host.stop());
    kills += 1;
    await delay(random.between(0, 50));
    await host.start();
  }
  return kills;
};

const compare = async (folder: string): Promise<string[]> => {
  await using store = await openEventStore({ type: 'sqlite', dataDir: folder });
  return (await compareWithRebuild(store, folder)).map(
    (difference) => `views: ${JSON.stringify(difference)}`,
  );
};

/** Runs with the seeds `seed`, `seed + 1`, …. `tell` hears of what is wrong with which; after `signal` none begins. */
export const fuzzDelivery = async ({
  runs,
  seed,
  signal,
  tell = () => undefined,
}: {
  runs: number;
  seed: number;
  signal?: AbortSignal;
  tell?: (done: number, problems: ReadonlyMap<number, readonly string[]>) => void;
}): Promise<DeliveryReport> => {
  const start = performance.now();
  const failedSeeds: number[] = [];
  const counts = { operations: 0, drops: 0, kills: 0, differing: 0 };
  let done = 0;
  while (done < runs && !signal?.aborted) {
    const seeds = Array.from({ length: Math.min(TOGETHER, runs - done) }, (_, n) => seed + done + n);
    let problems: ReadonlyMap<number, readonly string[]>;
    try {
      const batch = await deliverOnce(seeds);
      counts.operations += batch.operations;
      counts.drops += batch.drops;
      counts.kills += batch.kills;
      ({ problems } = batch);
    } catch (error) {
      problems = new Map(
        seeds.map((one) => [one, [error instanceof Error ? (error.stack ?? error.message) : String(error)]]),
      );
    }
    for (const [failed, texts] of problems) {
      failedSeeds.push(failed);
      counts.differing += texts.length;
    }
    done += seeds.length;
    tell(done, problems);
  }
  return { runs: done, ...counts, failedSeeds, ms: Math.round(performance.now() - start) };
};
