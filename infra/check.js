// `npm run check`: each step's name and time; stops at the first that fails. With names, only these steps.
import { spawnSync } from 'node:child_process';

const steps = {
  types: 'tsc -p tsconfig.json && tsc -p gateways/web',
  lint: 'oxlint --type-aware --deny-warnings',
  format: 'biome format',
  arrows: 'node infra/check-arrows.js',
  'dead code': 'knip',
  'tests on twins': 'npm run --silent test:twins',
};

const wanted = process.argv.slice(2);
const bin = new URL('../node_modules/.bin', import.meta.url).pathname;
const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` };

for (const name of wanted.length > 0 ? wanted : Object.keys(steps)) {
  const start = performance.now();
  const { status } = spawnSync(steps[name], { shell: true, stdio: ['ignore', 'inherit', 'inherit'], env });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  if (status !== 0) process.exit(1);
}
