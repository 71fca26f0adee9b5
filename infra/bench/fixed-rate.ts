import { type Trial, type TrialOptions, runTrial } from './capacity.ts';
import { type Side, type Sides, describe, orderOf } from './duel.ts';
import { type Calibration, calibrate, load } from './machine.ts';
import { median, round, show } from './numbers.ts';

const VOID_TRIES = 3;

export type FixedRound = {
  readonly parlance: Trial;
  readonly floor: Trial;
  /** Of the p99s: how many times as long as the floor takes. */
  readonly ratio: number;
  readonly load: number;
  readonly calibration: Calibration;
};

export type FixedResult = {
  /** Messages, or people who begin to write, a second. */
  readonly rate: number;
  /** Milliseconds from when something was due to its arrival. */
  readonly p50: number;
  readonly p99: number;
  /** The floor's p99, in milliseconds. */
  readonly floor: number;
  readonly floorP50: number;
  readonly ratio: number;
  /** Nothing was missing, repeated or out of order, and no trial void. */
  readonly sound: boolean;
  readonly rounds: readonly FixedRound[];
};

/** Product and floor in turns, at the same rate. */
export const atRate = async (
  sides: Sides,
  options: {
    readonly name: string;
    readonly rate: number;
    readonly trial: TrialOptions;
    /** What each server gets first, which does not count. */
    readonly warm: TrialOptions;
    readonly rounds: number;
    readonly say: (line: string) => void;
  },
): Promise<FixedResult> => {
  const { name, rate, trial, warm, rounds, say } = options;
  const warmed = new Set<Side>();
  const measure = async (side: Side, label: string): Promise<Trial> => {
    const server = sides[side];
    await sides.loader.connect(server.url, server.name, sides.people, sides.audience);
    if (!warmed.has(side)) await runTrial(server, sides.loader, rate, warm);
    warmed.add(side);
    for (let tries = 1; ; tries += 1) {
      const done = await runTrial(server, sides.loader, rate, trial);
      say(`${name}: ${label} ${side} ${describe(done)}`);
      if (done.verdict !== 'void' || tries === VOID_TRIES) return done;
    }
  };

  const done: FixedRound[] = [];
  for (let i = 0; i < rounds; i += 1) {
    const calibration = await calibrate();
    const found = new Map<Side, Trial>();
    for (const side of orderOf(i)) found.set(side, await measure(side, `round ${i + 1}/${rounds}`));
    const [parlance, floor] = [found.get('parlance'), found.get('floor')];
    if (!parlance || !floor) throw new Error('a round has two sides');
    done.push({ parlance, floor, ratio: round(parlance.p99 / floor.p99), load: load(), calibration });
  }
  const of = (pick: (one: FixedRound) => number) => round(median(done.map(pick)));
  const result = {
    rate,
    p50: of(({ parlance }) => parlance.p50),
    p99: of(({ parlance }) => parlance.p99),
    floor: of(({ floor }) => floor.p99),
    floorP50: of(({ floor }) => floor.p50),
    ratio: of(({ ratio }) => ratio),
    sound: done.every(({ parlance, floor }) => parlance.verdict === 'pass' && floor.verdict === 'pass'),
    rounds: done,
  };
  say(`${name}: at ${show(rate)}/s p99 ${show(result.p99)} ms, floor ${show(result.floor)} ms`);
  return result;
};
