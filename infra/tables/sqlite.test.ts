import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sortable, TablesUnavailable } from '../../domain/ports/tables.ts';
import { tablesContract } from './contract.ts';
import { openTables } from './open.ts';
import { SqliteTables } from './sqlite.ts';

let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'parlance-tables-'));
});
afterAll(() => rm(dataDir, { recursive: true }));

const file = (name: string) => join(dataDir, `${name}.db`);

tablesContract('SQLite', async () => openTables({ type: 'sqlite', dataDir }));

describe('SQLite tables', () => {
  const item = { pk: 'p', sk: 's', revision: 1, n: 1 };

  it('keep what was written when they are closed and opened again', async () => {
    const first = new SqliteTables(file('again'));
    await first.write([{ op: 'put', table: 't', item }]);
    await first[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    await using second = new SqliteTables(file('again'));
    expect(await second.get('t', [item])).toEqual([item]);
    expect(existsSync(file('again'))).toBe(true);
  });

  it('T9 are unavailable once they are closed, and where there is no folder', async () => {
    const tables = new SqliteTables(file('closed'));
    await tables[Symbol.asyncDispose]();
    await expect(tables.get('t', [item])).rejects.toThrow(TablesUnavailable);
    await expect(tables.query('t', 'p')).rejects.toThrow(TablesUnavailable);
    await expect(tables.write([])).rejects.toThrow(TablesUnavailable);
    await expect(tables.swap('t', item, undefined)).rejects.toThrow(TablesUnavailable);
    expect(() => new SqliteTables(join(dataDir, 'nowhere', 'tables.db'))).toThrow(TablesUnavailable);
  });

  it('keep what was written for whoever opens the file next', async () => {
    const first = new SqliteTables(file('shared'));
    await first.write([{ op: 'put', table: 't', item }]);
    await first[Symbol.asyncDispose]();
    await using second = new SqliteTables(file('shared'));
    await second.write([{ op: 'update', table: 't', key: item, revision: 2, set: { n: 2 } }]);
    expect(await second.get('t', [item])).toEqual([{ ...item, revision: 2, n: 2 }]);
  });

  it('say what to do when the file is damaged', async () => {
    await writeFile(file('damaged'), 'no database '.repeat(1000));
    expect(() => new SqliteTables(file('damaged'))).toThrow(/damaged.*delete it/);
  });

  it('do not let reads hold back the write-ahead log', async () => {
    await using tables = new SqliteTables(file('log'));
    const text = 'x'.repeat(1000);
    for (let n = 0; n < 40_000; n += 1000) {
      const items = Array.from({ length: 1000 }, (_, i) => ({
        pk: 'p',
        sk: sortable(n + i),
        revision: 1,
        text,
      }));
      await tables.write(items.map((each) => ({ op: 'put', table: 't', item: each })));
      await tables.get('t', [items[0] ?? item]);
      await tables.query('t', 'p', { limit: 3 });
    }
    expect((await stat(`${file('log')}-wal`)).size).toBeLessThan(32 * 1024 * 1024);
  });
});
