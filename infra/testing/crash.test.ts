import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../root.ts';
import { fuzzCrash } from './crash.ts';

const runs = process.env['CI'] ? 50 : 5;
const RUN_MS = 20_000;

/** Every commit tries other seeds, and the same commit the same ones. */
const seedOfCommit = (): number => {
  const hash = ((): string => {
    try {
      const stdio = ['ignore', 'pipe', 'ignore'] as const;
      return execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8', stdio: [...stdio] });
    } catch {
      return createHash('sha256')
        .update(readFileSync(join(root, 'package-lock.json')))
        .digest('hex');
    }
  })();
  return Number.parseInt(hash.slice(0, 7), 16);
};

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
