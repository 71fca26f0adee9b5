import { expect, it } from 'vitest';
import { fuzzCrash } from './crash.ts';
import { seedOfCommit } from './seed-of-commit.ts';

const runs = process.env['CI'] ? 50 : 5;
const RUN_MS = 20_000;

it(
  `${runs} servers that are killed under load lose, repeat and reorder nothing, and their views equal a rebuild`,
  async () => {
    const problems: string[] = [];
    const report = await fuzzCrash({
      runs,
      seed: seedOfCommit(),
      tell: (seed, run) => {
        if ('error' in run) problems.push(`seed ${seed}: ${String(run.error)}`);
        else for (const { kind, text } of run.problems) problems.push(`seed ${seed}: ${kind}: ${text}`);
      },
    });
    expect(problems).toEqual([]);
    expect(report).toMatchObject({ runs, lost: 0, repeated: 0, reordered: 0, differing: 0, failedSeeds: [] });
    expect(report.acknowledged).toBeGreaterThan(runs * 10);
  },
  runs * RUN_MS,
);
