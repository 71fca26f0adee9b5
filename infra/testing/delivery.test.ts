import { expect, it } from 'vitest';
import { fuzzDelivery } from './delivery.ts';
import { seedOfCommit } from './seed-of-commit.ts';

const runs = process.env['CI'] ? 500 : 24;
const RUN_MS = 5_000;

it(
  `${runs} times people do anything over connections that break, and everybody ends with what the log says`,
  async () => {
    const found: string[] = [];
    const report = await fuzzDelivery({
      runs,
      seed: seedOfCommit(),
      tell: (_done, problems) => {
        for (const [seed, texts] of problems) for (const text of texts) found.push(`seed ${seed}: ${text}`);
      },
    });
    expect(found).toEqual([]);
    expect(report).toMatchObject({ runs, differing: 0, failedSeeds: [] });
    expect(report.operations).toBeGreaterThan(runs * 10);
    expect(report.drops).toBeGreaterThan(runs);
  },
  runs * RUN_MS,
);
