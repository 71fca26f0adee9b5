import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { ulid } from 'ulid';
import { afterAll, describe, expect, it } from 'vitest';
import { DirectoryUnavailable } from '../../domain/ports/directory.ts';
import { directoryContract } from './contract.ts';
import { openDirectory } from './open.ts';

const root = mkdtempSync(join(tmpdir(), 'directory-'));
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

const fresh = () => mkdtempSync(join(root, 'd-'));
const open = (dataDir = fresh()) => openDirectory({ type: 'sqlite', dataDir });

describe('the directory in SQLite', () => {
  directoryContract(() => open());

  it('keeps everything over a restart', async () => {
    const dataDir = fresh();
    const first = await open(dataDir);
    const ann = await first.people.add(
      { userId: ulid(), username: 'ann', displayName: 'Ann', createdAt: 1 },
      'hash',
    );
    const device = { deviceId: ulid(), userId: ann.userId, name: 'phone', createdAt: 1, lastSeenAt: 1 };
    await first.sessions.open(device, 'aa', 10);
    await first[Symbol.asyncDispose]();

    const second = await open(dataDir);
    expect(await second.people.owner()).toEqual(ann);
    expect(await second.sessions.rotate('aa', { tokenHash: 'bb', expiresAt: 20 }, 5)).toMatchObject({
      outcome: 'rotated',
    });
    await second[Symbol.asyncDispose]();
  });

  it('is readable by its owner only, also its log', async () => {
    const dataDir = fresh();
    const directory = await open(dataDir);
    for (const file of ['directory.db', 'directory.db-wal']) {
      expect(statSync(join(dataDir, file)).mode & 0o077).toBe(0);
    }
    await directory[Symbol.asyncDispose]();
  });

  it('leaves nothing of a migration that fails, and says so', async () => {
    const dataDir = fresh();
    const before = new Database(join(dataDir, 'directory.db'));
    before.exec('create table invitations (something text)'); // the last of the first migration
    before.close();
    await expect(open(dataDir)).rejects.toThrow(DirectoryUnavailable);
    const after = new Database(join(dataDir, 'directory.db'));
    const tables = after.prepare("select name from sqlite_master where type = 'table'").all() as {
      name: string;
    }[];
    expect(tables.map(({ name }) => name)).not.toContain('people');
    after.exec('drop table invitations');
    after.close();
    await (await open(dataDir))[Symbol.asyncDispose]();
  });

  it('opens a folder of the first release, and keeps what is in it', async () => {
    const dataDir = fresh();
    const ann = { userId: ulid(), username: 'ann', displayName: 'Ann', createdAt: 1 };
    const first = await open(dataDir);
    await first.people.add(ann, 'hash');
    await first[Symbol.asyncDispose]();
    const file = new Database(join(dataDir, 'directory.db'));
    file.exec('drop table last_seen; drop table preferences; drop table drafts');
    file.exec("delete from kysely_migration where name = '0002-own-state'");
    file.close();

    const second = await open(dataDir);
    expect(await second.people.owner()).toMatchObject(ann);
    await second.people.setPreferences(ann.userId, { sharePresence: false });
    expect(await second.people.preferences(ann.userId)).toMatchObject({ sharePresence: false });
    await second[Symbol.asyncDispose]();
  });

  it('says why, when SQLite has already rolled back what it could not do', async () => {
    const dataDir = fresh();
    const directory = await open(dataDir);
    const beside = new Database(join(dataDir, 'directory.db'));
    beside.exec(
      "CREATE TRIGGER full BEFORE INSERT ON drafts BEGIN SELECT RAISE(ROLLBACK, 'the disk is full'); END",
    );
    beside.close();
    const draft = { userId: ulid(), conversationId: ulid(), text: 'hm', at: 1 };
    await expect(directory.drafts.put([draft])).rejects.toMatchObject({
      cause: { message: expect.stringContaining('the disk is full') as unknown },
    });
    await directory[Symbol.asyncDispose]();
  });

  it('refuses a file that is no database', async () => {
    const dataDir = fresh();
    writeFileSync(join(dataDir, 'directory.db'), 'this is no database, '.repeat(1000));
    await expect(open(dataDir)).rejects.toThrow(DirectoryUnavailable);
  });

  it('answers a search among 25,000 people from its index', async () => {
    const directory = await open();
    const people = Array.from({ length: 25_000 }, (_, n) => ({
      userId: ulid(),
      username: `nick${n.toString(36)}@irc`,
      displayName: `nick${n.toString(36)}`,
      createdAt: 1,
    }));
    for (let n = 0; n < people.length; n += 1000) await directory.people.addMany(people.slice(n, n + 1000));
    const times: number[] = [];
    for (const text of ['n', 'nick', 'nick1', 'nick1a', 'nicka@irc', 'nothing', '', 'ni', 'nick2', 'nick3']) {
      const start = performance.now();
      await directory.people.search(text, 20);
      times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    expect(times[times.length >> 1]).toBeLessThan(10);
    await directory[Symbol.asyncDispose]();
  });
});
