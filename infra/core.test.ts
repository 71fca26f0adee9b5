import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openCore } from './core.ts';
import { createLog } from './log.ts';

it('closes everything although one part fails to, and says so', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'parlance-core-'));
  const settings = { DATA_DIR: folder, STATE_CACHE_MB: 16 };
  const core = await openCore(settings, createLog('silent'));
  for (const part of [core.store, core.tables]) {
    const dispose = part[Symbol.asyncDispose].bind(part);
    part[Symbol.asyncDispose] = async () => {
      await dispose();
      throw new Error(part === core.store ? 'the store' : 'the tables');
    };
  }
  await expect(core[Symbol.asyncDispose]()).rejects.toThrow('the store');
  await core.running.stopped;
  await expect(core.directory.people.owner()).rejects.toMatchObject({ code: 'directory_unavailable' });
  const again = await openCore(settings, createLog('silent'));
  await again[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});
