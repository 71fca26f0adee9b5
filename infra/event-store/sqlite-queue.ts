import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { StoreUnavailable } from '../../domain/ports/event-store.ts';
import {
  type Answer,
  bytesOf,
  eventsOf,
  type Operation,
  type Outcome,
  packBatch,
  unpackOutcome,
} from './sqlite-batch.ts';
import type { FromWriter, ToWriter, WriterData } from './sqlite-writer.ts';

/** What may wait before the store is overloaded, and for how long. */
export type QueueLimits = {
  readonly operations: number;
  readonly bytes: number;
  readonly deadlineMs: number;
  /** For what waits when the queue is closed. */
  readonly closeMs: number;
};
const LIMITS: QueueLimits = {
  operations: 50_000,
  bytes: 64 * 1024 * 1024,
  deadlineMs: 30_000,
  closeMs: 10_000,
};

/** One transaction: many small ones cost an fsync each, a huge one keeps everybody waiting. */
const BATCH = { events: 4000, bytes: 4 * 1024 * 1024 } as const;
/** A commit costs as much as several appends: under load they are this far apart, from beginning to beginning. */
const PACE_MS = 3;
const OPEN_MS = 60_000;
/** How long a failed commit counts against the store's health. */
const TROUBLE_MS = 10_000;
const CLOSED = 'the event store is closed';

export type QueueOptions = {
  readonly path: string;
  readonly maxPages?: number;
  readonly limits?: Partial<QueueLimits>;
  /** The program of the thread, if not our own. */
  readonly writer?: URL;
  /** Called with every commit, in commit order, before its operations resolve. */
  readonly onCommit: (done: readonly { operation: Operation; outcome: Outcome }[], answer: Answer) => void;
  /** Called once, when the writer has died. */
  readonly onFailure: () => void;
};

type Waiting = {
  readonly operation: Operation;
  readonly bytes: number;
  readonly since: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: StoreUnavailable) => void;
};

/** From compiled code the thread is beside this file; from source it is the built one, which Node can load. */
const writerUrl = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/infra/event-store/sqlite-writer.js' : './sqlite-writer.js',
  import.meta.url,
);

/** Group commit: what arrives while the writer commits is the next batch, with one transaction and one fsync. */
export class CommitQueue implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #options: QueueOptions;
  readonly #limits: QueueLimits;
  readonly #sweep: NodeJS.Timeout;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #inFlight: readonly Waiting[] = [];
  #scheduled = false;
  #dueAt = 0;
  #unusable: string | undefined;
  #closing: Promise<void> | undefined;
  #troubleAt = Number.NEGATIVE_INFINITY;
  #idle: (() => void) | undefined;

  private constructor(worker: Worker, options: QueueOptions) {
    this.#worker = worker;
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#sweep = setInterval(
      () => this.#refuseOverdue(),
      Math.min(1000, this.#limits.deadlineMs / 4),
    ).unref();
    worker.on('message', (message: FromWriter) => {
      if (typeof message === 'object' && 'answer' in message) this.#answered(message.answer);
    });
    worker.on('error', (error) => this.#fail(`the writer has died: ${error.message}`));
    worker.on('exit', () => this.#fail(this.#closing ? CLOSED : 'the writer has ended'));
  }

  /** Throws `StoreUnavailable` when the file can't be opened. */
  static async open(options: QueueOptions): Promise<CommitQueue> {
    const workerData: WriterData = { path: options.path, maxPages: options.maxPages };
    const worker = new Worker(options.writer ?? writerUrl, { name: 'event-store-writer', workerData });
    const queue = new CommitQueue(worker, options); // now, so that it sees the worker end
    try {
      const [message] = (await once(worker, 'message', { signal: AbortSignal.timeout(OPEN_MS) })) as [
        FromWriter,
      ];
      if (typeof message === 'object' && 'refused' in message) throw new Error(message.refused);
    } catch (error) {
      await worker.terminate();
      throw new StoreUnavailable(
        `the log can't be opened: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
    }
    return queue;
  }

  /** Operations that wait or are being committed. */
  get length(): number {
    return this.#waiting.length + this.#inFlight.length;
  }

  /** Why nothing more can be written, if so. */
  get unusable(): string | undefined {
    return this.#unusable ?? (this.#closing && CLOSED);
  }

  get writable(): boolean {
    return this.unusable === undefined && performance.now() - this.#troubleAt > TROUBLE_MS;
  }

  submit(operation: Operation): Promise<Outcome> {
    if (this.unusable !== undefined) return Promise.reject(new StoreUnavailable(this.unusable));
    const bytes = bytesOf(operation);
    if (this.length >= this.#limits.operations || this.#waitingBytes + bytes > this.#limits.bytes) {
      return Promise.reject(
        new StoreUnavailable(`overloaded: ${this.length} operations are waiting for the disk`),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ operation, bytes, since: performance.now(), resolve, reject });
      this.#waitingBytes += bytes;
      this.#plan();
    });
  }

  /** After a pause the next batch is what arrives in this turn; under load, what arrives until it is due. */
  #plan(): void {
    if (this.#inFlight.length > 0 || this.#scheduled) return;
    if (this.#waiting.length === 0) return this.#idle?.();
    this.#scheduled = true;
    const send = () => {
      this.#scheduled = false;
      this.#send();
    };
    const rest = this.#dueAt - performance.now();
    if (rest > 1) setTimeout(send, rest);
    else setImmediate(send);
  }

  #send(): void {
    let count = 0;
    let events = 0;
    let bytes = 0;
    for (const { operation, bytes: size } of this.#waiting) {
      if (count > 0 && (events + eventsOf(operation) > BATCH.events || bytes + size > BATCH.bytes)) break;
      count += 1;
      events += eventsOf(operation);
      bytes += size;
    }
    if (count === 0) return this.#idle?.(); // they were overdue
    this.#dueAt = performance.now() + PACE_MS;
    this.#inFlight = this.#waiting.splice(0, count);
    this.#waitingBytes -= bytes;
    const batch = packBatch(this.#inFlight.map(({ operation }) => operation));
    this.#worker.postMessage({ batch } satisfies ToWriter, [
      batch.numbers.buffer,
      batch.bytes.buffer,
    ] as ArrayBuffer[]);
  }

  #answered(answer: Answer): void {
    const done = this.#inFlight.map((waiting, index) => ({
      ...waiting,
      outcome: unpackOutcome(answer.outcomes, index),
    }));
    this.#inFlight = [];
    this.#troubleAt = answer.error === undefined ? Number.NEGATIVE_INFINITY : performance.now();
    this.#plan(); // first, so that the disk works while we tell what it did
    this.#options.onCommit(done, answer);
    for (const { outcome, resolve, reject } of done) {
      if (outcome.is === 'failed') reject(new StoreUnavailable(`the log can't be written: ${answer.error}`));
      else resolve(outcome);
    }
  }

  /** What is in flight may be committed all the same; its caller has waited long enough. */
  #refuseOverdue(): void {
    const overdue = performance.now() - this.#limits.deadlineMs;
    const late = new StoreUnavailable(`too slow: not written within ${this.#limits.deadlineMs} ms`);
    for (const { since, reject } of this.#inFlight) {
      if (since >= overdue) continue;
      this.#troubleAt = performance.now();
      reject(late);
    }
    const firstInTime = this.#waiting.findIndex(({ since }) => since >= overdue);
    for (const { bytes, reject } of this.#waiting.splice(
      0,
      firstInTime < 0 ? this.#waiting.length : firstInTime,
    )) {
      this.#waitingBytes -= bytes;
      reject(late);
    }
  }

  #fail(reason: string): void {
    if (this.#unusable) return;
    this.#unusable = reason;
    clearInterval(this.#sweep);
    for (const { reject } of [...this.#inFlight, ...this.#waiting]) reject(new StoreUnavailable(reason));
    this.#inFlight = [];
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#idle?.();
    this.#options.onFailure();
  }

  /** Writes what is queued, then ends the thread. What is not written in time is refused. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    const { closeMs } = this.#limits;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.#fail(`not written within ${closeMs} ms of closing`);
        resolve();
      }, closeMs);
    });
    const idle = () => new Promise<void>((resolve) => (this.#idle = resolve));
    if (this.length > 0) await idle();
    if (this.#unusable === undefined) {
      this.#worker.postMessage('close' satisfies ToWriter);
      await idle(); // nothing is sent any more: it has ended, or is given up
    }
    await Promise.race([this.#worker.terminate(), late]);
    clearTimeout(timer);
  }
}
