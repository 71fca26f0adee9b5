import type { AudienceName } from './audience.ts';
import { type Capacity, type Trial, findCapacity, rungBelow, runTrial } from './capacity.ts';
import type { Person } from './dialect.ts';
import type { Loader } from './loader-process.ts';
import { type Calibration, calibrate, load } from './machine.ts';
import { round, show } from './numbers.ts';
import type { Server } from './servers.ts';

/** The two that are compared, and who talks to them. */
export type Sides = {
  readonly parlance: Server;
  readonly floor: Server;
  readonly people: readonly Person[];
  readonly audience: AudienceName;
  readonly loader: Loader;
};
export type Side = 'parlance' | 'floor';

export type Round = {
  readonly parlance: Capacity;
  readonly floor: Capacity;
  readonly ratio: number;
  readonly load: number;
  readonly calibration: Calibration;
};

export type DuelOptions = {
  readonly name: string;
  readonly seconds: number;
  readonly warmup: number;
  /** Messages a second near which each side's capacity is looked for first; the ladder finds its way from anywhere. */
  readonly near: Readonly<Record<Side, number>>;
  /** What a server gets before its first trial. */
  readonly warm: { readonly rate: number; readonly seconds: number };
  /** For one capacity: the first has to find its place on the ladder. */
  readonly budgetMs: { readonly first: number; readonly later: number };
  /** How often a rate must pass, of as many. */
  readonly times: number;
  readonly say: (line: string) => void;
};

/** A B B A. */
export const orderOf = (turn: number): readonly [Side, Side] =>
  turn % 2 === 0 ? ['parlance', 'floor'] : ['floor', 'parlance'];

/** The capacities of the product and of the floor, in turns. Each search begins where the last one of that side ended. */
export const createDuel = ({ name, seconds, warmup, near, warm, budgetMs, times, say }: DuelOptions) => {
  const start = { parlance: rungBelow(near.parlance), floor: rungBelow(near.floor) };
  const found = new Set<Side>();

  const capacityOf = async (sides: Sides, side: Side, label: string): Promise<Capacity> => {
    const server = sides[side];
    await sides.loader.connect(server.url, server.name, sides.people, sides.audience);
    const trialAt = async (rate: number) => {
      const done = await runTrial(server, sides.loader, rate, { seconds, warmup });
      say(`${name}: ${label} ${side} ${describe(done)}`);
      return done;
    };
    // A server that has just started is slow until its code is compiled: that is not its capacity.
    if (!found.has(side))
      await runTrial(server, sides.loader, warm.rate, { seconds: warm.seconds, warmup: 0 });
    const budget = found.has(side) ? budgetMs.later : budgetMs.first;
    const capacity = await findCapacity(trialAt, start[side], { times, budgetMs: budget });
    found.add(side);
    if (capacity.rate > 0) start[side] = rungBelow(capacity.rate * 1.001);
    return capacity;
  };

  return {
    capacityOf,
    async round(sides: Sides, turn: number, label: string): Promise<Round> {
      const calibration = await calibrate();
      const both = new Map<Side, Capacity>();
      for (const side of orderOf(turn)) both.set(side, await capacityOf(sides, side, label));
      const [parlance, floor] = [both.get('parlance'), both.get('floor')];
      if (!parlance || !floor) throw new Error('a round has two sides');
      const ratio = floor.rate === 0 ? 0 : round(parlance.rate / floor.rate);
      return { parlance, floor, ratio, load: load(), calibration };
    },
  };
};

/** Every capacity was proven, none was the loader's. */
export const isSound = ({ parlance, floor }: Round): boolean =>
  [parlance, floor].every(({ rate, proven, limitedByLoader }) => rate > 0 && proven && !limitedByLoader);

export const describe = ({ rate, verdict, p50, p99, cpuMicros, settleMs, ...step }: Trial): string => {
  const wrong = (['missing', 'unacknowledged', 'repeated', 'reordered', 'inexact'] as const)
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
