import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DataDirInUse, openDataDir } from './data-dir.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parlance-data-'));
});
afterEach(() => rm(folder, { recursive: true }));

it('A data folder is made for its owner only', async () => {
  await using data = openDataDir(join(folder, 'a', 'b'));
  expect((await stat(data.path)).mode & 0o777).toBe(0o700);
});

it('A data folder that is open can’t be opened again until it is closed', async () => {
  const first = openDataDir(folder);
  expect(() => openDataDir(folder)).toThrow(DataDirInUse);
  expect(() => openDataDir(folder)).toThrow(/in use by another process.*DATA_DIR/);
  await first[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
  await using second = openDataDir(folder);
  expect(second.path).toBe(folder);
});

it('The lock of another process ends with that process, even by SIGKILL', async () => {
  const program = `
    const Database = require(${JSON.stringify(createRequire(import.meta.url).resolve('libsql'))});
    globalThis.lock = new Database(process.argv[1], { timeout: 0 });
    lock.exec('BEGIN EXCLUSIVE');
    console.log('locked');
    setTimeout(() => {}, 60_000);
  `;
  const child = spawn(process.execPath, ['-e', program, join(folder, 'lock.db')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  try {
    await once(child.stdout, 'data');
    expect(() => openDataDir(folder)).toThrow(DataDirInUse);
  } finally {
    child.kill('SIGKILL');
    await exit;
  }
  await using data = openDataDir(folder);
  expect(data.path).toBe(folder);
});
