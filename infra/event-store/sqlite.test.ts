import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NO_STREAM, START, StoreUnavailable, WrongExpectedRevision } from '../../domain/ports/event-store.ts';
import { eventStoreContract } from './contract.ts';
import { event, events, idsOf, newStream, readToEnd, take } from './contract-tools.ts';
import { type Commit, SqliteEventStore, type SqliteOptions } from './sqlite.ts';

const temporary = () => mkdtemp(join(tmpdir(), 'parlance-log-'));

eventStoreContract('SqliteEventStore', async () => {
  const folder = await temporary();
  const store = await SqliteEventStore.open(folder);
  return {
    store,
    reopen: async () => {
      await store[Symbol.asyncDispose]();
      return SqliteEventStore.open(folder);
    },
    cleanup: () => rm(folder, { recursive: true }),
  };
});

describe('SqliteEventStore', () => {
  let folder: string;
  let path: string;
  let stream: string;
  let stores: SqliteEventStore[];

  beforeEach(async () => {
    folder = await temporary();
    path = join(folder, 'log.db');
    stream = newStream();
    stores = [];
  });
  afterEach(async () => {
    for (const store of stores) await store[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const open = async (options?: SqliteOptions, where = folder) => {
    const store = await SqliteEventStore.open(where, options);
    stores.push(store);
    return store;
  };
  const appendOne = async (store: SqliteEventStore, revision: number, bytes = 10) => {
    const one = { ...event(), data: new Uint8Array(bytes).fill(120) };
    await store.append(stream, revision - 1, [one]);
    return one.id;
  };

  it('ES10 Live events come with the very arrays that were appended', async () => {
    const store = await open();
    await store.append(newStream(), NO_STREAM, events(1));
    const { position } = await store.append(newStream(), NO_STREAM, events(1));
    const given = events(3);
    const taking = take(store, position, 3);
    await store.append(stream, NO_STREAM, given);
    const taken = await taking;
    taken.forEach(({ data, meta }, i) => {
      expect(data).toBe(given[i]?.data);
      expect(meta).toBe(given[i]?.meta);
    });
  });

  it('ES10 An event is with its subscribers by the end of the turn in which its append resolves', async () => {
    const store = await open();
    const seen: string[] = [];
    const stop = new AbortController();
    const reading = (async () => {
      for await (const page of store.subscribe(START, stop.signal)) seen.push(...idsOf(page));
    })();
    for (let i = 0; i < 20; i++) {
      const id = await appendOne(store, i);
      await nextTurn();
      expect(seen.at(-1)).toBe(id);
    }
    stop.abort();
    await reading;
  });

  it('ES10 An event that the backfill found before it was published is not given again', async () => {
    // A writer that answers only when it is told to, so that the file is ahead of the feed.
    const built = new URL('../../dist/infra/event-store/', import.meta.url);
    const writer = join(folder, 'writer.mjs');
    writeFileSync(
      writer,
      `import { parentPort, workerData } from 'node:worker_threads';
       import { existsSync } from 'node:fs';
       import { openLog } from '${new URL('sqlite-log.js', built).href}';
       import { packOutcomes, unpackBatch } from '${new URL('sqlite-batch.js', built).href}';
       const log = openLog(workerData.path);
       parentPort.on('message', (message) => {
         if (message === 'close') return parentPort.close();
         const { outcomes, error } = log.commit(unpackBatch(message.batch), 1);
         const answer = { recordedAt: 1, ms: 1, outcomes: packOutcomes(outcomes), error };
         const poll = setInterval(() => {
           if (!existsSync('${join(folder, 'go')}')) return;
           clearInterval(poll);
           parentPort.postMessage({ answer });
         }, 1);
       });
       parentPort.postMessage('ready');`,
    );
    const store = await open({ writer: pathToFileURL(writer) });
    const committed = store.append(stream, NO_STREAM, events(1));
    while ((await store.read(stream)).length === 0) await nextTurn();
    const seen: number[] = [];
    const stop = new AbortController();
    const reading = (async () => {
      for await (const page of store.subscribe(START, stop.signal))
        seen.push(...page.map(({ revision }) => revision));
    })();
    for (let i = 0; i < 5; i++) await nextTurn(); // it has read the file and waits for the feed
    writeFileSync(join(folder, 'go'), '');
    await committed;
    await store.append(stream, 0, events(1));
    await nextTurn();
    stop.abort();
    await reading;
    expect(seen).toEqual([0, 1]);
  });

  it('ES10 A backfill’s pages hold no more than 4 MiB', async () => {
    const store = await open();
    for (let i = 0; i < 40; i++) await appendOne(store, i, 250 * 1024);
    const sizes: number[] = [];
    const stop = new AbortController();
    for await (const page of store.subscribe(START, stop.signal)) {
      sizes.push(page.length);
      if (sizes.reduce((a, b) => a + b) === 40) stop.abort();
    }
    expect(sizes).toEqual([16, 16, 8]);
  });

  it('ES11 Truncated bytes are no longer in the files', async () => {
    const store = await open();
    const secret = `secret-${randomUUID()}`;
    await store.append(stream, NO_STREAM, [event(secret), event('kept-for-good')]);
    await store.truncate(stream, 1);
    await store[Symbol.asyncDispose]();
    const bytes = ['', '-wal']
      .filter((end) => existsSync(path + end))
      .map((end) => readFileSync(path + end, 'latin1'));
    expect(bytes.join().includes('kept-for-good')).toBe(true);
    expect(bytes.join().includes(secret)).toBe(false);
  });

  it('ES1 A torn or damaged end of the WAL costs nothing that was acknowledged before it', async () => {
    const store = await open();
    const ids: string[] = [];
    for (let i = 0; i < 20; i++) ids.push(await appendOne(store, i));
    const size = statSync(`${path}-wal`).size;
    await appendOne(store, 20, 20_000); // several frames, the last of which completes the transaction
    const whole = statSync(`${path}-wal`).size;
    const damages = [
      (wal: string) => truncateSync(wal, size),
      (wal: string) => truncateSync(wal, size + 10),
      (wal: string) => truncateSync(wal, whole - 1),
      (wal: string) => writeFileSync(wal, readFileSync(wal).fill(7, whole - 100)),
      (wal: string) => writeFileSync(wal, readFileSync(wal).fill(0, size + 30, size + 60)),
    ];
    for (const [i, damage] of damages.entries()) {
      const copy = join(folder, `copy-${i}`);
      // Another process copies: closing a file drops all locks that this process has on it.
      execFileSync('sh', ['-c', 'mkdir "$1" && cp "$0" "$0-wal" "$1"', path, copy]);
      damage(join(copy, 'log.db-wal'));
      const survivor = await open({}, copy);
      expect(idsOf(await readToEnd(survivor, START))).toEqual(ids);
      await appendOne(survivor, 20);
      expect(await survivor.read(stream)).toHaveLength(21);
    }
    expect(await store.read(stream)).toHaveLength(21);
  });

  it('ES14 When the disk is full appends are refused, small neighbours are not, and truncation makes room again', async () => {
    const store = await open({ maxPages: 100 });
    let last = NO_STREAM;
    await expect(async () => {
      for (;;)
        last = (await store.append(stream, last, [{ ...event(), data: new Uint8Array(20_000) }])).revision;
    }).rejects.toThrow(StoreUnavailable);
    expect(await store.read(stream)).toHaveLength(last + 1);

    const small = newStream();
    const [before, big, after] = await Promise.allSettled([
      store.append(small, NO_STREAM, events(1)),
      store.append(stream, last, [{ ...event(), data: new Uint8Array(200_000) }]),
      store.append(small, 0, events(1)),
    ]);
    expect([before.status, big.status, after.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(big).toMatchObject({
      reason: { code: 'store_unavailable', message: expect.stringContaining('full') },
    });

    await expect(store.append(stream, last, [{ ...event(), data: new Uint8Array(200_000) }])).rejects.toThrow(
      StoreUnavailable,
    );
    expect(store.health().writable).toBe(false);
    await store.truncate(stream, last);
    expect(store.health().writable).toBe(true);
    expect(await store.append(stream, last, events(1))).toMatchObject({ revision: last + 1 });
  });

  it('ES14 More than may wait is refused at once, and the rest is written', async () => {
    const store = await open({ limits: { operations: 10 } });
    const appends = Array.from({ length: 15 }, (_, i) => store.append(stream, i - 1, events(1)));
    expect(store.health()).toEqual({ writable: true, waiting: 10 });
    const results = await Promise.allSettled(appends);
    expect(results.map(({ status }) => status === 'fulfilled')).toEqual(results.map((_, i) => i < 10));
    await expect(appends[10]).rejects.toThrow(/overloaded/);
    expect(await store.read(stream)).toHaveLength(10);
    expect(store.health()).toEqual({ writable: true, waiting: 0 });
  });

  it('ES14 The bytes that wait are bounded, the bytes that pass are not', async () => {
    const store = await open({ limits: { bytes: 5000 } });
    for (let i = 0; i < 10; i++) await appendOne(store, i, 3000);
    const both = [appendOne(store, 10, 3000), appendOne(store, 11, 3000)];
    await expect(both[1]).rejects.toThrow(/overloaded/);
    await both[0];
  });

  it('ES14 An append that is not written in time is refused; it can be repeated', async () => {
    const store = await open({ limits: { deadlineMs: 100 } });
    await appendOne(store, 0);
    const intruder = new Database(path);
    intruder.exec('BEGIN IMMEDIATE');
    const [first, second] = [events(2), events(2)];
    const inFlight = store.append(stream, 0, first);
    await expect(inFlight).rejects.toThrow(/too slow/);
    await expect(store.append(stream, 2, second)).rejects.toThrow(/too slow/);
    intruder.exec('ROLLBACK');
    intruder.close();
    expect(await store.append(stream, 0, first)).toMatchObject({ revision: 2 });
    expect(await store.append(stream, 2, second)).toMatchObject({ revision: 4 });
    expect(idsOf(await store.read(stream)).slice(1)).toEqual(idsOf([...first, ...second]));
  });

  /** A store over a file that is there, whose writer does this with each message. */
  const openWith = async (onMessage: string, options?: SqliteOptions) => {
    const writer = join(folder, 'writer.mjs');
    writeFileSync(
      writer,
      `import { parentPort } from 'node:worker_threads';
       parentPort.on('message', () => { ${onMessage} });
       parentPort.postMessage('ready');`,
    );
    await (await open())[Symbol.asyncDispose]();
    return open({ ...options, writer: pathToFileURL(writer) });
  };

  it.each([
    ['throws', "throw new Error('struck by lightning');", /lightning/],
    ['exits', 'process.exit(1);', /closed/],
    ['stops to answer', '', /not written within 100 ms/],
    ['hangs', 'for (;;);', /not written within 100 ms/],
  ])(
    'ES14 A writer that %s while the store is closed holds nobody up',
    async (_, onMessage, reason) => {
      const store = await openWith(onMessage, { limits: { closeMs: 100 } });
      const appends = Promise.allSettled(
        Array.from({ length: 3 }, (__, i) => store.append(stream, i - 1, events(1))),
      );
      await Promise.all([store[Symbol.asyncDispose](), store[Symbol.asyncDispose]()]);
      for (const append of await appends)
        expect(append).toMatchObject({
          status: 'rejected',
          reason: { code: 'store_unavailable', message: expect.stringMatching(reason) },
        });
      await expect(store.append(stream, 0, events(1))).rejects.toThrow(StoreUnavailable);
      expect(store.health()).toEqual({ writable: false, waiting: 0 });
    },
    5000,
  );

  it('ES14 When the writer dies, what waits and what comes later is refused, and subscriptions say so', async () => {
    const store = await openWith("throw new Error('struck by lightning');");
    const subscription = take(store, START, 1);
    const appends = [store.append(stream, NO_STREAM, events(1)), store.append(stream, 0, events(1))];
    for (const append of appends) await expect(append).rejects.toThrow(/struck by lightning/);
    await expect(store.append(stream, NO_STREAM, events(1))).rejects.toThrow(StoreUnavailable);
    await expect(subscription).rejects.toThrow(StoreUnavailable);
    expect(store.health()).toEqual({ writable: false, waiting: 0 });
    expect(await store.read(stream)).toEqual([]);
  });

  it('A log of a newer program is refused and left alone', async () => {
    await (await open())[Symbol.asyncDispose]();
    const file = new Database(path);
    file.pragma('user_version = 99');
    file.close();
    await expect(open()).rejects.toThrow(/schema version 99.*newer program/);
  });

  it('A file that is no log and a folder that is not there are refused', async () => {
    writeFileSync(path, 'not a database, but long enough to be taken for one'.repeat(100));
    await expect(open()).rejects.toThrow(StoreUnavailable);
    await expect(open({}, join(folder, 'missing'))).rejects.toThrow(StoreUnavailable);
  });

  it('An id that is no UUID and a position of another store are mistakes of the caller', async () => {
    const store = await open();
    await expect(store.append(stream, NO_STREAM, [event('x', 'no uuid')])).rejects.toThrow(TypeError);
    await expect(store.readAll('17/4')).rejects.toThrow(TypeError);
  });

  it('Appends that arrive together share a commit, and each commit is observed', async () => {
    const commits: Commit[] = [];
    const store = await open({ observe: (commit) => commits.push(commit) });
    await Promise.all(Array.from({ length: 100 }, () => store.append(newStream(), NO_STREAM, events(2))));
    await expect(store.append(stream, 5, events(1))).rejects.toThrow(WrongExpectedRevision);
    expect(commits).toEqual([
      { appends: 100, events: 200, bytes: expect.any(Number), ms: expect.any(Number) },
    ]);
  });

  it('A lag of more than 10,000 events is told by the positions', async () => {
    const store = await open();
    for (let i = 0; i < 6; i++) await store.append(stream, 2000 * i - 1, events(2000));
    expect((await store.lag(START)).events).toBe(12_000);
    await store.truncate(stream, 11_990);
    expect((await store.lag(START)).events).toBe(10);
  });
});
