/** The position before the first event of the log. */
export const START = '';
/** The revision of a stream that does not exist. */
export const NO_STREAM = -1;

/** `data` and `meta` are bytes of the codec; the store never looks inside. `id` is a UUID. */
export type NewEvent = {
  readonly id: string;
  readonly type: string;
  readonly data: Uint8Array;
  readonly meta: Uint8Array;
};

/** `recordedAt` is the store's clock in ms. */
export type RecordedEvent = NewEvent & {
  readonly stream: string;
  readonly revision: number;
  readonly position: string;
  readonly recordedAt: number;
};

export type Appended = { readonly revision: number; readonly position: string };

/** How far `after` is behind the end of the log. */
export type Lag = { readonly events: number; readonly seconds: number };

/** Whether appends can succeed, as far as the last ones showed, and how many wait or are being written. */
export type Health = { readonly writable: boolean; readonly waiting: number };

export const eventLimits = {
  eventBytes: 256 * 1024,
  appendBytes: 1024 * 1024,
  appendEvents: 2000,
  pageEvents: 1000,
} as const;

/**
 * The log: streams of events, each append-only, all in one order.
 *
 * - ES1  An append that resolves is durable: it outlives a crash of the process and of the machine.
 * - ES2  An append is all or nothing: its events are consecutive in the stream and in no reader's sight before all are.
 * - ES3  `expected` is the exact revision of the stream's last event, or NO_STREAM. Otherwise nothing is written and
 *        it throws `WrongExpectedRevision` with the actual one. There is no "any".
 * - ES4  Revisions of a stream count 0, 1, 2, … without gap.
 * - ES5  The same append again (same stream, same expected revision, same ids) writes nothing and resolves to the
 *        first one's result, however often and however late.
 * - ES6  An id that the stream holds already is not appended again under another revision: `EventIdReused`. A store that
 *        can't know says so in its contract run; messages are sent once all the same, other commands only while their
 *        effect can be seen.
 * - ES7  Positions rise in commit order. They are opaque strings of one length that compare with `<`; START is before all.
 * - ES8  `read` gives one stream's events from a revision, in order, forwards or backwards; an empty page for an unknown stream.
 * - ES9  `readAll` gives the events after a position in commit order, at most `limit`; less than that only at the end.
 * - ES10 `subscribe` gives every event after a position, in commit order, each once: first those that are there, then the
 *        new ones as they commit. No gap and no repeat where the two meet. It ends when the signal aborts. A slow reader
 *        costs the store no memory that grows with the backlog.
 * - ES11 `truncate` removes the events before a revision for good. Revisions and positions stay as they were, the stream
 *        goes on from its last revision even when nothing is left of it, and reading starts with the first that is left.
 * - ES12 Bytes come back as they were given.
 * - ES13 More than 256 KiB an event (data + meta), 1 MiB or 2000 events an append, or no event at all: `AppendTooLarge`
 *        or `AppendEmpty`, nothing is written, and the store works on.
 * - ES14 When the store can't answer (disk full, closed, overloaded, too slow) it throws `StoreUnavailable`. Whether the
 *        append happened is then unknown; repeating it is safe by ES5.
 * - ES15 `end` is the position of the newest event, START of an empty log. Everything that was acknowledged is at or before it.
 * - ES16 `health` answers at once, from memory: not writable when closed, when the writer is gone, or when an append failed
 *        by ES14 a moment ago. A store that nobody writes to becomes writable again after that moment, so that it is tried.
 * - ES17 `lag` is 0 events and 0 seconds at the end of the log, and more than 0 events anywhere before; exact up to 1000
 *        events, about right beyond. `seconds` is the age of the first event after the position.
 * - ES18 `at` gives the event at exactly this position; undefined if there is none (any more), also for what is no position.
 */
export interface EventStore extends AsyncDisposable {
  append(stream: string, expected: number, events: readonly NewEvent[]): Promise<Appended>;
  /** A page: at most `limit` (1000) events from revision `from` (the first; backwards: the last). */
  read(
    stream: string,
    options?: { from?: number; backwards?: boolean; limit?: number },
  ): Promise<readonly RecordedEvent[]>;
  readAll(after: string, limit?: number): Promise<readonly RecordedEvent[]>;
  subscribe(after: string, signal: AbortSignal): AsyncIterable<readonly RecordedEvent[]>;
  truncate(stream: string, before: number): Promise<void>;
  lag(after: string): Promise<Lag>;
  end(): Promise<string>;
  at(position: string): Promise<RecordedEvent | undefined>;
  health(): Health;
}

export class WrongExpectedRevision extends Error {
  readonly code = 'wrong_expected_revision';
  readonly stream: string;
  readonly expected: number;
  readonly actual: number;
  constructor(stream: string, expected: number, actual: number) {
    super(`stream ${stream} is at revision ${actual}, not ${expected}`);
    this.stream = stream;
    this.expected = expected;
    this.actual = actual;
  }
}

/** `ids` are all of the append that the stream holds. */
export class EventIdReused extends Error {
  readonly code = 'event_id_reused';
  readonly ids: readonly string[];
  constructor(stream: string, ids: readonly string[]) {
    super(`stream ${stream} already holds ${ids.length} of these events at other revisions: ${ids[0] ?? ''}`);
    this.ids = ids;
  }
}

export class AppendTooLarge extends Error {
  readonly code = 'append_too_large';
}

export class AppendEmpty extends Error {
  readonly code = 'append_empty';
}

export class StoreUnavailable extends Error {
  readonly code = 'store_unavailable';
}
