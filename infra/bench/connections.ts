import { setTimeout as sleep } from 'node:timers/promises';
import { type Side, orderOf } from './duel.ts';
import { temporaryFolder } from './folder.ts';
import { type Crowd, startCrowd } from './loader-process.ts';
import { cores, load } from './machine.ts';
import { median, round, show } from './numbers.ts';
import type { BenchOptions } from './options.ts';
import { memoryOf, untilIdle } from './processes.ts';
import { seedPairs } from './seed.ts';
import { type Server, startFloor, startProduct } from './servers.ts';
import type { Person } from './dialect.ts';

const FEW = 2_000;
const MANY = { quick: 6_000, usual: 10_000 } as const;
const IDLE_MS = 20_000;
const SETTLE_MS = 10_000;
/** Resident bytes that may still come and go when a process is called settled. */
const STILL = 256 * 1024;
const COLLECTIONS = 3;

/** Resident bytes of the server: when it has nothing to do any more, and once garbage has been collected. */
type Memory = { readonly untouched: number; readonly collected: number };
type Slope = {
  readonly few: Memory;
  readonly many: Memory;
  readonly bytesPerConnection: number;
};
export type ConnectionsRound = { readonly parlance: Slope; readonly floor: Slope; readonly load: number };

export type ConnectionsResult = {
  /** Idle and signed in, each of another person who has one conversation. */
  readonly connections: number;
  /** Resident, from the slope between 2,000 connections and all. */
  readonly bytesPerConnection: number;
  readonly floorBytesPerConnection: number;
  readonly ratio: number;
  readonly rounds: readonly ConnectionsRound[];
};

/** What an idle connection costs in memory. */
export const benchConnections = async ({ quick, rounds, say }: BenchOptions): Promise<ConnectionsResult> => {
  const connections = quick ? MANY.quick : MANY.usual;
  using productFolder = temporaryFolder();
  const place = cores();
  say(`connections: adding ${show(connections)} people`);
  const people = await seedPairs(productFolder.path, connections / 2);

  const slopeOf = async (side: Side, label: string): Promise<Slope> => {
    using floorFolder = temporaryFolder();
    const start = { cpus: place?.server, collects: true };
    await using server = await (side === 'parlance'
      ? startProduct({ dataDir: productFolder.path, ...start })
      : startFloor({ dataDir: floorFolder.path, ...start }));
    // Two, far below what one process may have open.
    await using one = startCrowd(place?.loader);
    await using other = startCrowd(place?.loader);
    const come = (from: number, to: number) => comeIn([one, other], server, people.slice(from, to));
    await come(0, FEW);
    const few = await settled(server);
    await come(FEW, connections);
    const many = await settled(server);
    const bytesPerConnection = Math.round((many.collected - few.collected) / (connections - FEW));
    say(`connections: ${label} ${side} ${show(bytesPerConnection)} bytes each, load ${load()}`);
    return { few, many, bytesPerConnection };
  };

  const done: ConnectionsRound[] = [];
  for (let i = 0; i < rounds; i += 1) {
    const found = new Map<Side, Slope>();
    for (const side of orderOf(i)) found.set(side, await slopeOf(side, `round ${i + 1}/${rounds}`));
    const [parlance, floor] = [found.get('parlance'), found.get('floor')];
    if (!parlance || !floor) throw new Error('a round has two sides');
    done.push({ parlance, floor, load: load() });
  }
  const of = (pick: (one: ConnectionsRound) => number) => median(done.map(pick));
  return {
    connections,
    bytesPerConnection: of(({ parlance }) => parlance.bytesPerConnection),
    floorBytesPerConnection: of(({ floor }) => floor.bytesPerConnection),
    ratio: round(of(({ parlance, floor }) => parlance.bytesPerConnection / floor.bytesPerConnection)),
    rounds: done,
  };
};

const comeIn = async (crowds: readonly Crowd[], server: Server, people: readonly Person[]) => {
  const share = Math.ceil(people.length / crowds.length);
  await Promise.all(crowds.map((crowd, i) => crowd.arrive(server, people.slice(i * share, (i + 1) * share))));
};

const settled = async ({ child }: Server): Promise<Memory> => {
  await untilIdle(child.pid, IDLE_MS);
  const untouched = await still(child.pid);
  for (let i = 0; i < COLLECTIONS; i += 1) {
    child.kill('SIGWINCH');
    await untilIdle(child.pid, IDLE_MS);
  }
  return { untouched, collected: await still(child.pid) };
};

/** Resident bytes when they have stopped changing. */
const still = async (pid: number): Promise<number> => {
  let before = memoryOf(pid)?.resident ?? Number.NaN;
  for (const until = performance.now() + SETTLE_MS; performance.now() < until; ) {
    await sleep(1000);
    const now = memoryOf(pid)?.resident ?? Number.NaN;
    if (!(Math.abs(now - before) > STILL)) return now;
    before = now;
  }
  return before;
};
