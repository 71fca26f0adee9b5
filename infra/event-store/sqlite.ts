import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type Appended,
  AppendEmpty,
  AppendTooLarge,
  EventIdReused,
  eventLimits,
  type EventStore,
  type Health,
  type Lag,
  type NewEvent,
  type RecordedEvent,
  START,
  StoreUnavailable,
  WrongExpectedRevision,
} from '../../domain/ports/event-store.ts';
import { createLiveFeed } from './live-feed.ts';
import type { Answer, Operation, Outcome } from './sqlite-batch.ts';
import { type LogFile, openToRead, type Statement } from './sqlite-file.ts';
import { CommitQueue, type QueueLimits } from './sqlite-queue.ts';

/** What one commit wrote; `bytes` are data and meta, `ms` the time of its transaction with the fsync. */
export type Commit = {
  readonly appends: number;
  readonly events: number;
  readonly bytes: number;
  readonly ms: number;
};

export type SqliteOptions = {
  readonly observe?: (commit: Commit) => void;
  readonly limits?: Partial<QueueLimits>;
  /** Bound of the file's size, in pages of 4 KiB. */
  readonly maxPages?: number;
  /** The program of the writing thread, if not our own. */
  readonly writer?: URL;
};

/** A page of a subscription's backfill holds about this many bytes at the most. */
const PAGE_BYTES = 4 * 1024 * 1024;
const TRUNCATE_EVENTS = 2000;
const EXACT_LAG = 10_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const NOTHING = new Uint8Array(0);

type Row = [
  position: number,
  stream: number,
  revision: number,
  id: string,
  type: string,
  at: number,
  data: Uint8Array,
  meta: Uint8Array | null,
];
const COLUMNS = "position, stream, revision, lower(hex(id)), type, at, data, nullif(meta, x'')";

const toPosition = (n: number): string => String(n).padStart(16, '0');

const fromPosition = (position: string): number => {
  const n = position === START ? 0 : Number(position);
  if (!Number.isSafeInteger(n) || n < 0)
    throw new TypeError(`'${position}' is no position of this event store`);
  return n;
};

const toUuid = (hex: string): string =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;

/**
 * The log in one SQLite file, `log.db` (its tables: sqlite-file.ts). A thread writes, in batches (sqlite-queue.ts); this
 * one reads, and hands committed events to those who are subscribed. One process at a time may have the file open.
 */
export class SqliteEventStore implements EventStore {
  readonly #queue: CommitQueue;
  readonly #feed: ReturnType<typeof createLiveFeed>;
  readonly #file: LogFile;
  readonly #statements: ReturnType<typeof prepare>;
  readonly #streams = new Map<number, string>();
  #open = true;

  private constructor(queue: CommitQueue, feed: ReturnType<typeof createLiveFeed>, file: LogFile) {
    this.#queue = queue;
    this.#feed = feed;
    this.#file = file;
    this.#statements = prepare(file);
  }

  /** Throws `StoreUnavailable` when the log is damaged, of a newer program or can't be reached. */
  static async open(folder: string, { observe, ...options }: SqliteOptions = {}): Promise<SqliteEventStore> {
    const path = join(folder, 'log.db');
    const feed = createLiveFeed();
    const onCommit = (done: readonly { operation: Operation; outcome: Outcome }[], answer: Answer): void => {
      const appended = done.filter(({ outcome }) => outcome.is === 'appended');
      if (appended.length === 0) return;
      const events = appended.flatMap(({ operation, outcome }) =>
        recorded(operation, outcome, answer.recordedAt),
      );
      feed.publish(events);
      const bytes = events.reduce((sum, { data, meta }) => sum + data.byteLength + meta.byteLength, 0);
      observe?.({ appends: appended.length, events: events.length, bytes, ms: answer.ms });
    };
    const queue = await CommitQueue.open({ ...options, path, onCommit, onFailure: () => feed.end() });
    try {
      return new SqliteEventStore(queue, feed, openToRead(path));
    } catch (error) {
      await queue[Symbol.asyncDispose]();
      throw new StoreUnavailable(`the log can't be read: ${String(error)}`, { cause: error });
    }
  }

  async append(stream: string, expected: number, events: readonly NewEvent[]): Promise<Appended> {
    check(events);
    const { is, value, position } = await this.#queue.submit({ op: 'append', stream, expected, events });
    if (is === 'wrong') throw new WrongExpectedRevision(stream, expected, value);
    if (is === 'reused') throw new EventIdReused(stream, this.#held(stream, events, value));
    return { revision: value, position: toPosition(position) };
  }

  async read(
    stream: string,
    {
      from,
      backwards = false,
      limit = eventLimits.pageEvents,
    }: { from?: number; backwards?: boolean; limit?: number } = {},
  ): Promise<readonly RecordedEvent[]> {
    const { findStream, forwards, backwards: downwards } = this.#statements;
    const [key] = this.#rows(findStream, [stream]).flat();
    if (key === undefined) return [];
    const start = from ?? (backwards ? Number.MAX_SAFE_INTEGER : 0);
    return this.#events(backwards ? downwards : forwards, [key, start, pageOf(limit)]);
  }

  async readAll(after: string, limit: number = eventLimits.pageEvents): Promise<readonly RecordedEvent[]> {
    return this.#events(this.#statements.all, [fromPosition(after), pageOf(limit)]);
  }

  async *subscribe(after: string, signal: AbortSignal): AsyncIterable<readonly RecordedEvent[]> {
    let last = after;
    this.#rows(this.#statements.last, []); // a closed store says so, rather than giving nothing
    while (this.#open && !signal.aborted) {
      // Backfill: what the file holds.
      const page = this.#pageAfter(last);
      if (page.length > 0) {
        last = page.at(-1)?.position ?? last;
        yield page;
        await nextTurn(); // others get their turn between the pages of a long backfill
        continue;
      }
      if (this.#queue.unusable) throw new StoreUnavailable(this.#queue.unusable);
      // Cutover: the file has just been read to its end, in this turn, so that whatever it lacks is still to be published.
      const live = this.#feed.listen();
      signal.addEventListener('abort', live.stop);
      try {
        // Live: as commits are published. The first ones may be in the file already. An overflow leads back to the backfill.
        for (let events = await live.next(); events; events = await live.next()) {
          const fresh =
            (events[0]?.position ?? '') > last ? events : events.filter(({ position }) => position > last);
          if (fresh.length === 0) continue;
          last = fresh.at(-1)?.position ?? last;
          yield fresh;
        }
      } finally {
        signal.removeEventListener('abort', live.stop);
        live.stop();
      }
    }
  }

  async truncate(stream: string, before: number): Promise<void> {
    // In portions, so that appends are not kept waiting.
    for (let removed = TRUNCATE_EVENTS; removed > 0; ) {
      removed = (await this.#queue.submit({ op: 'truncate', stream, before, limit: TRUNCATE_EVENTS })).value;
    }
  }

  /** `events` is exact up to 10,000, beyond that the difference of the positions, which counts truncated events too. */
  async lag(after: string): Promise<Lag> {
    const { first, last, count } = this.#statements;
    const from = fromPosition(after);
    const [oldest] = this.#rows(first, [from]);
    if (!oldest) return { events: 0, seconds: 0 };
    const [position] = oldest;
    const [end = position] = this.#rows(last, []).flat();
    const [exact = 0] = end - position < EXACT_LAG ? this.#rows(count, [from]).flat() : [end - position + 1];
    return { events: exact, seconds: Math.max(0, Date.now() - oldest[1]) / 1000 };
  }

  async end(): Promise<string> {
    const [position] = this.#rows(this.#statements.last, []).flat();
    return position === undefined || position === null ? START : toPosition(position);
  }

  async at(position: string): Promise<RecordedEvent | undefined> {
    const n = Number(position);
    if (!Number.isSafeInteger(n) || toPosition(n) !== position) return undefined;
    return this.#events(this.#statements.at, [n])[0];
  }

  health(): Health {
    return { writable: this.#queue.writable, waiting: this.#queue.length };
  }

  /** Finishes the appends that wait; subscriptions get these too and end. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#queue[Symbol.asyncDispose]();
    this.#feed.end();
    this.#file.close();
  }

  /** The ids that the stream holds, or the one that was there twice in the append itself. */
  #held(stream: string, events: readonly NewEvent[], found: number): string[] {
    const [key] = this.#rows(this.#statements.findStream, [stream]).flat();
    const ids = events.map(({ id }) => id);
    const holds = (id: string) =>
      this.#rows(this.#statements.findId, [key, Buffer.from(id.replaceAll('-', ''), 'hex')]).length > 0;
    const held = key === undefined ? [] : ids.filter(holds);
    return held.length > 0 ? held : ids.slice(found, found + 1);
  }

  #pageAfter(after: string): RecordedEvent[] {
    const position = fromPosition(after);
    const [end] = this.#rows(this.#statements.pageEnd, [position, eventLimits.pageEvents, PAGE_BYTES]).flat();
    return typeof end === 'number' ? this.#events(this.#statements.between, [position, end]) : [];
  }

  #events(statement: Statement<Row>, values: unknown[]): RecordedEvent[] {
    return this.#rows(statement, values).map(([position, stream, revision, id, type, at, data, meta]) => ({
      id: toUuid(id),
      type,
      data,
      meta: meta ?? NOTHING,
      stream: this.#nameOf(stream),
      revision,
      position: toPosition(position),
      recordedAt: at,
    }));
  }

  #nameOf(stream: number): string {
    const known = this.#streams.get(stream);
    if (known !== undefined) return known;
    const [name = ''] = this.#rows(this.#statements.findName, [stream]).flat();
    if (this.#streams.size >= 100_000) this.#streams.clear();
    this.#streams.set(stream, name);
    return name;
  }

  #rows<R>(statement: Statement<R>, values: unknown[]): R[] {
    if (!this.#open) throw new StoreUnavailable('the event store is closed');
    try {
      return statement.rows(values);
    } catch (error) {
      throw new StoreUnavailable(`the log can't be read: ${String(error)}`, { cause: error });
    }
  }
}

const prepare = (file: LogFile) => ({
  findStream: file.prepare<[number]>('SELECT stream FROM streams WHERE name = ?'),
  findId: file.prepare<[number]>('SELECT revision FROM events WHERE stream = ? AND id = ?'),
  findName: file.prepare<[string]>('SELECT name FROM streams WHERE stream = ?'),
  forwards: file.prepare<Row>(
    `SELECT ${COLUMNS} FROM events WHERE stream = ? AND revision >= ? ORDER BY revision LIMIT ?`,
  ),
  backwards: file.prepare<Row>(
    `SELECT ${COLUMNS} FROM events WHERE stream = ? AND revision <= ? ORDER BY revision DESC LIMIT ?`,
  ),
  all: file.prepare<Row>(`SELECT ${COLUMNS} FROM events WHERE position > ? ORDER BY position LIMIT ?`),
  between: file.prepare<Row>(
    `SELECT ${COLUMNS} FROM events WHERE position > ? AND position <= ? ORDER BY position`,
  ),
  at: file.prepare<Row>(`SELECT ${COLUMNS} FROM events WHERE position = ?`),
  // Lengths are known without reading what they measure.
  pageEnd: file.prepare<[number | null]>(
    `SELECT max(position) FROM (
       SELECT position, sum(size) OVER (ORDER BY position ROWS UNBOUNDED PRECEDING) AS total FROM (
         SELECT position, length(data) + length(meta) AS size FROM events WHERE position > ? ORDER BY position LIMIT ?
       )
     ) WHERE total <= ?`,
  ),
  first: file.prepare<[number, number]>(
    'SELECT position, at FROM events WHERE position > ? ORDER BY position LIMIT 1',
  ),
  last: file.prepare<[number]>('SELECT position FROM events ORDER BY position DESC LIMIT 1'),
  count: file.prepare<[number]>('SELECT count(*) FROM events WHERE position > ?'),
});

const pageOf = (limit: number): number => Math.max(0, Math.min(limit, eventLimits.pageEvents));

const check = (events: readonly NewEvent[]): void => {
  if (events.length === 0) throw new AppendEmpty('an append needs at least one event');
  if (events.length > eventLimits.appendEvents) {
    throw new AppendTooLarge(
      `${events.length} events are more than ${eventLimits.appendEvents} in one append`,
    );
  }
  let total = 0;
  for (const { id, data, meta } of events) {
    const bytes = data.byteLength + meta.byteLength;
    if (bytes > eventLimits.eventBytes) {
      throw new AppendTooLarge(`an event of ${bytes} bytes is over ${eventLimits.eventBytes}`);
    }
    if (!UUID.test(id)) throw new TypeError(`'${id}' is no UUID in lower case`);
    total += bytes;
  }
  if (total > eventLimits.appendBytes)
    throw new AppendTooLarge(`an append of ${total} bytes is over ${eventLimits.appendBytes}`);
};

/** The events of an append as readers see them, with the very arrays that were given. */
const recorded = (
  operation: Operation,
  { value, position }: Outcome,
  recordedAt: number,
): RecordedEvent[] => {
  if (operation.op !== 'append') return [];
  const { stream, events } = operation;
  const before = events.length - 1;
  return events.map(({ id, type, data, meta }, i) => ({
    id,
    type,
    data,
    meta,
    stream,
    revision: value - before + i,
    position: toPosition(position - before + i),
    recordedAt,
  }));
};
