import { LRUCache } from 'lru-cache';
import { NO_STREAM } from '../../domain/ports/event-store.ts';
import type { Outcome, PackedEvent, PackedOperation } from './sqlite-batch.ts';
import { openToWrite } from './sqlite-file.ts';

type Append = Extract<PackedOperation, { op: 'append' }>;
type Truncate = Extract<PackedOperation, { op: 'truncate' }>;

export type Log = {
  /** Durable when it returns. Operations are done in order; one that fails does not hurt its neighbours. */
  commit(
    operations: readonly PackedOperation[],
    recordedAt: number,
  ): { outcomes: Outcome[]; error: string | undefined };
  close(): void;
};

const outcome = (is: Outcome['is'], value = -1, position = -1): Outcome => ({ is, value, position });

/** The write side of the log file, without threads and queues. */
export const openLog = (path: string, maxPages?: number): Log => {
  const file = openToWrite(path, maxPages);
  const insertStream = file.prepare('INSERT INTO streams (name) VALUES (?)');
  const findStream = file.prepare<[stream: number, revision: number]>(
    `SELECT stream, max(truncated, coalesce((SELECT max(revision) FROM events e WHERE e.stream = s.stream), -1))
     FROM streams s WHERE name = ?`,
  );
  const insertEvent = file.prepare(
    'INSERT INTO events (stream, revision, id, type, at, data, meta) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const deleteFrom = file.prepare('DELETE FROM events WHERE position >= ?');
  const findRange = file.prepare<[position: number, revision: number, id: Uint8Array]>(
    'SELECT position, revision, id FROM events WHERE stream = ? AND revision BETWEEN ? AND ? ORDER BY revision',
  );
  const markTruncated = file.prepare('UPDATE streams SET truncated = max(truncated, ?) WHERE stream = ?');
  const deleteBefore = file.prepare(
    'DELETE FROM events WHERE stream = ?1 AND revision < min(?2, ?3 + (SELECT min(revision) FROM events WHERE stream = ?1))',
  );

  // What the file holds, changed as a transaction goes and forgotten when one is rolled back.
  const heads = new LRUCache<string, { stream: number; revision: number }>({ max: 50_000 });
  const headOf = (name: string) => {
    const cached = heads.get(name);
    if (cached) return cached;
    const [row] = findStream.rows([name]);
    const head = row && { stream: row[0], revision: row[1] };
    if (head) heads.set(name, head);
    return head;
  };
  const createHead = (name: string) => {
    const head = { stream: Number(insertStream.run([name]).lastInsertRowid), revision: NO_STREAM };
    heads.set(name, head);
    return head;
  };

  const append = ({ stream: name, expected, events }: Append, recordedAt: number): Outcome => {
    const known = headOf(name);
    if ((known?.revision ?? NO_STREAM) !== expected) {
      return (
        (known && repeated(known.stream, expected, events)) ?? outcome('wrong', known?.revision ?? NO_STREAM)
      );
    }
    const head = known ?? createHead(name);
    let position = -1;
    for (const [index, { id, type, data, meta }] of events.entries()) {
      try {
        const values = [head.stream, expected + 1 + index, id, type, recordedAt, data, meta];
        position = Number(insertEvent.run(values).lastInsertRowid);
      } catch (error) {
        if (!isReusedId(error)) throw error;
        if (index > 0) deleteFrom.run([position - index + 1]); // the append's own events: they are the last ones
        return outcome('reused', index);
      }
    }
    head.revision = expected + events.length;
    return outcome('appended', head.revision, position);
  };

  /** Truncation may have taken the first events of the repeated append; its last one has to be there. */
  const repeated = (
    stream: number,
    expected: number,
    events: readonly PackedEvent[],
  ): Outcome | undefined => {
    if (expected < NO_STREAM) return undefined;
    const rows = findRange.rows([stream, expected + 1, expected + events.length]);
    const last = rows.at(-1);
    if (last?.[1] !== expected + events.length) return undefined;
    const same = rows.every(
      ([, revision, id]) => Buffer.compare(id, events[revision - expected - 1]?.id ?? id.subarray(1)) === 0,
    );
    return same ? outcome('repeated', last[1], last[0]) : undefined;
  };

  const truncate = ({ stream: name, before, limit }: Truncate): Outcome => {
    const head = headOf(name);
    if (!head) return outcome('truncated', 0);
    markTruncated.run([Math.min(before - 1, head.revision), head.stream]);
    return outcome('truncated', deleteBefore.run([head.stream, before, limit]).changes);
  };

  const apply = (operation: PackedOperation, recordedAt: number): Outcome =>
    operation.op === 'append' ? append(operation, recordedAt) : truncate(operation);

  const rollback = (): void => {
    heads.clear();
    if (file.inTransaction) file.exec('ROLLBACK'); // a full disk has rolled back already
  };

  const commit: Log['commit'] = (operations, recordedAt) => {
    try {
      file.exec('BEGIN IMMEDIATE');
    } catch (error) {
      return { outcomes: operations.map(() => outcome('failed')), error: String(error) };
    }
    try {
      const outcomes = operations.map((operation) => apply(operation, recordedAt));
      file.exec('COMMIT');
      return { outcomes, error: undefined };
    } catch (error) {
      rollback();
      if (operations.length === 1) return { outcomes: [outcome('failed')], error: String(error) };
    }
    // One of them can't be written: halves find it, and the others are committed.
    const middle = operations.length >> 1;
    const [first, second] = [
      commit(operations.slice(0, middle), recordedAt),
      commit(operations.slice(middle), recordedAt),
    ];
    return { outcomes: [...first.outcomes, ...second.outcomes], error: first.error ?? second.error };
  };

  return {
    commit,
    close: () => {
      file.exec('PRAGMA wal_checkpoint(TRUNCATE)'); // the driver closes later, when its statements are collected
      file.close();
    },
  };
};

const isReusedId = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  error.code === 'SQLITE_CONSTRAINT_UNIQUE' &&
  error.message.includes('events.id');
