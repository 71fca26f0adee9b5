import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const folders = ['domain', 'commands', 'projections', 'gateways', 'workflows', 'infra'];
const product = { server: 'dist/infra/main.js', web: 'dist/web/index.html' };

/** Runs `npm run build:<part>` when its product is missing or older than any source file; stops the process if that fails. */
export function buildIfStale(part, ...flags) {
  const missing = !existsSync(join(root, product[part]));
  if (!missing && changedAt(product[part]) >= newestSource()) return;
  console.error(
    `parlance: building the ${part} (${product[part]} is ${missing ? 'missing' : 'older than its sources'})`,
  );
  const command = ['run', '--silent', `build:${part}`, '--', ...flags];
  if (spawnSync('npm', command, { cwd: root, stdio: ['ignore', 2, 2] }).status === 0) return;
  console.error(`parlance: the build failed; its errors are above, and \`npm run build:${part}\` repeats it`);
  process.exit(1);
}

const changedAt = (path) => statSync(join(root, path)).mtimeMs;

function newestSource() {
  const files = folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true }).map((file) => join(folder, file)),
    );
  return Math.max(0, ...files.filter(isSource).map(changedAt));
}

const isSource = (file) => /\.(tsx?|css|html|svg)$/.test(file) && !file.endsWith('.test.ts');
