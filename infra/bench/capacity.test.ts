import { describe, expect, it } from 'vitest';
import { type Trial, findCapacity, rateOf, rungBelow, verdictOf } from './capacity.ts';
import type { StepResult } from './step.ts';

const step = (rate: number, differently: Partial<StepResult> = {}): StepResult => ({
  rate,
  sent: rate,
  p50: 5,
  p90: 10,
  p99: 20,
  max: 30,
  missing: 0,
  unacknowledged: 0,
  repeated: 0,
  reordered: 0,
  inexact: 0,
  saturated: false,
  lagP99: 1,
  loaderCpu: 0.3,
  ...differently,
});

const trialOf = (result: StepResult): Trial => ({
  ...result,
  verdict: verdictOf(result),
  cpuMicros: 30,
  settleMs: 0,
});

/** Trials of a server that keeps up to this rate. */
const upTo = (limit: number) => async (rate: number) =>
  trialOf(step(rate, { p99: rate <= limit ? 20 : 300 }));

const options = { times: 3, budgetMs: 60_000 };

describe('a trial', () => {
  it.each<[string, Partial<StepResult>, Trial['verdict']]>([
    ['passes when everything arrived in time', {}, 'pass'],
    ['fails when a member got other bytes than the rest', { inexact: 1 }, 'fail'],
    ['fails when it was slow', { p99: 100 }, 'fail'],
    ['fails when something is missing', { missing: 1 }, 'fail'],
    ['fails when something was not acknowledged', { unacknowledged: 1 }, 'fail'],
    ['is void when the loader was late', { lagP99: 5.1, p99: 300 }, 'void'],
    ['is void when the loader was late, even if all went well', { lagP99: 5.1 }, 'void'],
    ['is void when the loader was busy', { loaderCpu: 0.95 }, 'void'],
    ['fails when something came twice, late loader or not', { repeated: 1, lagP99: 50 }, 'fail'],
    ['fails when something overtook, late loader or not', { reordered: 1, lagP99: 50 }, 'fail'],
  ])('%s', (_title, differently, verdict) => {
    expect(verdictOf(step(1000, differently))).toBe(verdict);
  });
});

describe('the capacity', () => {
  it.each([0, 5, 20, 24])(
    'is the highest rung that passes three times of three, from rung %i',
    async (from) => {
      const capacity = await findCapacity(upTo(10_000), from, options);
      expect(capacity.rate).toBe(rateOf(rungBelow(10_000)));
      expect(capacity).toMatchObject({ p99: 20, cpuMicros: 30, proven: true, limitedByLoader: false });
      expect(capacity.trials.filter(({ rate }) => rate === capacity.rate)).toHaveLength(3);
    },
  );

  it('is not a rung that fails one time of three', async () => {
    let tries = 0;
    const moody = async (rate: number) => {
      const fails = rate === rateOf(20) && (tries += 1) === 3;
      return trialOf(step(rate, { p99: fails || rate > rateOf(20) ? 300 : 20 }));
    };
    expect(await findCapacity(moody, 20, options)).toMatchObject({ rate: rateOf(19), proven: true });
  });

  it('is no more than what the loader manages, and says so', async () => {
    const late = async (rate: number) => trialOf(step(rate, { lagP99: rate > 5000 ? 50 : 1 }));
    const capacity = await findCapacity(late, 15, options);
    expect(capacity).toMatchObject({ rate: rateOf(rungBelow(5000)), limitedByLoader: true });
  });

  it('is nothing when not even the lowest rung passes', async () => {
    expect(await findCapacity(upTo(0), 3, options)).toMatchObject({ rate: 0, proven: false });
  });

  it('is unproven when the time runs out', async () => {
    const capacity = await findCapacity(upTo(10_000), 20, { times: 3, budgetMs: 0 });
    expect(capacity).toMatchObject({ rate: 0, proven: false });
  });
});
