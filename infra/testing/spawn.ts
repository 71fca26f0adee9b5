import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../root.ts';
import { unlimitedEnvironment } from './unlimited.ts';

const READY_MS = 30_000;
const main = pathToFileURL(join(root, 'dist', 'infra', 'main.js')).href;
const program = `void import(${JSON.stringify(main)}).then(({ main }) => main(process.argv.slice(1)));`;

/** `parlance …` as a process of its own, from what was built. */
export const spawnParlance = (
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input?: string,
) => {
  const child = spawn(process.execPath, ['-e', program, '--', ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr?.on('data', (data: Buffer) => (stderr += data.toString()));
  child.stdin?.end(input);
  const exit = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
    stdout,
    stderr,
  }));
  return {
    child,
    exit,
    /** The first line of standard output, or an error with what the process said instead. */
    firstLine: () =>
      new Promise<string>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`not ready in time: ${stderr}`)), READY_MS);
        const look = () => {
          const end = stdout.indexOf('\n');
          if (end < 0) return;
          clearTimeout(timer);
          resolve(stdout.slice(0, end));
        };
        child.stdout?.on('data', look);
        void exit.then(({ code, stderr: said }) => {
          clearTimeout(timer);
          reject(new Error(`ended with ${code} before it was ready: ${said}`));
        });
        look();
      }),
  };
};

/** `parlance serve` on a free port; resolves when it is ready. */
export const spawnServer = async (dataDir: string, env: Readonly<Record<string, string>> = {}) => {
  const process = spawnParlance(['serve', '--json'], {
    PORT: '0',
    DATA_DIR: dataDir,
    LOG_LEVEL: 'warn',
    ...unlimitedEnvironment,
    ...env,
  });
  const { url } = JSON.parse(await process.firstLine()) as { url: string };
  return { ...process, url };
};
