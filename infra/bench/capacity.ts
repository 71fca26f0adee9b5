import type { Loader } from './loader-process.ts';
import type { RunOptions } from './loader.ts';
import { median, round } from './numbers.ts';
import { cpuMs, untilIdle } from './processes.ts';
import type { Server } from './servers.ts';
import type { StepResult } from './step.ts';

/** Rung 10 of the ladder is 1,000 messages a second. */
export const rules = {
  p99Ms: 100,
  ladder: 1.25,
  firstRate: 1000 / 1.25 ** 10,
  lagMs: 5,
  loaderCpu: 0.9,
} as const;
const VOID_TRIES = 3;
const IDLE_MS = 15_000;

export const rateOf = (rung: number): number => Math.round(rules.firstRate * rules.ladder ** rung);
export const rungBelow = (rate: number): number =>
  Math.floor(Math.log(rate / rules.firstRate) / Math.log(rules.ladder) + 1e-9);

/** `cpuMicros`: of the server with all its threads and children, a message, with what it does after the answer. */
export type Trial = StepResult & {
  readonly verdict: 'pass' | 'fail' | 'void';
  readonly cpuMicros: number | null;
  /** How long the server went on working after the last message had arrived. */
  readonly settleMs: number;
};

export type Capacity = {
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
  readonly cpuMicros: number | null;
  /** The next rung was not refused by the server, but could not be measured. */
  readonly limitedByLoader: boolean;
  /** It passed as often as asked, and the next rung did not, within the time there was. */
  readonly proven: boolean;
  readonly trials: readonly Trial[];
};

export type TrialOptions = Omit<RunOptions, 'rate'>;

export const exact = ({
  missing,
  unacknowledged,
  repeated,
  reordered,
  inexact,
  error,
  saturated,
}: StepResult): boolean =>
  missing + unacknowledged + repeated + reordered + inexact === 0 && error === undefined && !saturated;

export const verdictOf = (step: StepResult): Trial['verdict'] => {
  // What is wrong is wrong, whoever was late.
  if (step.repeated + step.reordered > 0 || step.error !== undefined) return 'fail';
  if (step.lagP99 > rules.lagMs || step.loaderCpu > rules.loaderCpu) return 'void';
  return exact(step) && step.p99 < rules.p99Ms ? 'pass' : 'fail';
};

export const runTrial = async (
  server: Server,
  loader: Loader,
  rate: number,
  options: TrialOptions,
): Promise<Trial> => {
  const before = cpuMs(server.child.pid);
  const step = await loader.run({ rate, ...options });
  const settleMs = await untilIdle(server.child.pid, IDLE_MS);
  const after = cpuMs(server.child.pid);
  const cpuMicros =
    before === undefined || after === undefined ? null : round(((after - before) * 1000) / step.sent, 1);
  return { ...step, verdict: verdictOf(step), cpuMicros, settleMs: Math.round(settleMs) };
};

/**
 * The highest rung of the ladder that passes `times` times out of as many. Climbs two rungs at a time from `rung`, closes
 * in, and proves the result; a rung that fails once is out.
 */
export const findCapacity = async (
  trialAt: (rate: number) => Promise<Trial>,
  from: number,
  { times, budgetMs }: { readonly times: number; readonly budgetMs: number },
): Promise<Capacity> => {
  const trials: Trial[] = [];
  const passed = new Map<number, number>();
  let lowest = Number.POSITIVE_INFINITY; // of the rungs that failed
  let limitedByLoader = false;
  let proven = false;
  const until = performance.now() + budgetMs;

  const attempt = async (rung: number) => {
    let trial: Trial | undefined;
    for (let tries = 0; tries < VOID_TRIES; tries += 1) {
      trial = await trialAt(rateOf(rung));
      trials.push(trial);
      if (trial.verdict !== 'void' || performance.now() > until) break;
    }
    if (trial?.verdict === 'pass') passed.set(rung, (passed.get(rung) ?? 0) + 1);
    else {
      if (rung <= lowest) limitedByLoader = trial?.verdict === 'void';
      lowest = Math.min(lowest, rung);
    }
  };
  const best = () => Math.max(-1, ...[...passed.keys()].filter((rung) => rung < lowest));

  for (let rung = from; performance.now() < until; ) {
    await attempt(rung);
    const low = best();
    proven = low + 1 === lowest && (passed.get(low) ?? 0) >= times;
    if (proven) break;
    if (lowest === 0) break;
    if (low === -1) rung = Math.max(0, lowest - 3);
    else if (lowest === Number.POSITIVE_INFINITY) rung = low + 2;
    else rung = low + 1 === lowest ? low : (low + lowest) >> 1;
  }
  const rung = best();
  const rate = rung < 0 ? 0 : rateOf(rung);
  const good = trials.filter((trial) => trial.rate === rate && trial.verdict === 'pass');
  const of = (pick: (trial: Trial) => number | null) =>
    round(median(good.map((trial) => pick(trial) ?? Number.NaN)));
  const cpuMicros = of((trial) => trial.cpuMicros);
  return {
    rate,
    p50: of((trial) => trial.p50),
    p99: of((trial) => trial.p99),
    cpuMicros: Number.isNaN(cpuMicros) ? null : cpuMicros,
    limitedByLoader,
    proven,
    trials,
  };
};
