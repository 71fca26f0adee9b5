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
};
const LIMITS: QueueLimits = { operations: 50_000, bytes: 64 * 1024 * 1024, deadlineMs: 30_000 };

/** One transaction: many small ones cost an fsync each, a huge one keeps everybody waiting. */
const BATCH = { events: 4000, bytes: 4 * 1024 * 1024 } as const;
const OPEN_MS = 60_000;
const CLOSE_MS = 10_000;

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
  #unusable: string | undefined;
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
    worker.on('exit', () => this.#fail('the writer has ended'));
  }

  /** Throws `StoreUnavailable` when the file can't be opened. */
  static async open(options: QueueOptions): Promise<CommitQueue> {
    const workerData: WriterData = { path: options.path, maxPages: options.maxPages };
    const worker = new Worker(options.writer ?? writerUrl, { name: 'event-store-writer', workerData });
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
    return new CommitQueue(worker, options);
  }

  /** Operations that wait or are being committed. */
  get length(): number {
    return this.#waiting.length + this.#inFlight.length;
  }

  /** Why nothing more can be written, if so. */
  get unusable(): string | undefined {
    return this.#unusable;
  }

  submit(operation: Operation): Promise<Outcome> {
    if (this.#unusable) return Promise.reject(new StoreUnavailable(this.#unusable));
    const bytes = bytesOf(operation);
    if (this.length >= this.#limits.operations || this.#waitingBytes + bytes > this.#limits.bytes) {
      return Promise.reject(
        new StoreUnavailable(`overloaded: ${this.length} operations are waiting for the disk`),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ operation, bytes, since: performance.now(), resolve, reject });
      this.#waitingBytes += bytes;
      if (this.#inFlight.length > 0 || this.#scheduled) return;
      // The rest of this turn's input belongs to the same batch.
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#send();
      });
    });
  }

  #send(): void {
    if (this.#inFlight.length > 0) return;
    let count = 0;
    let events = 0;
    let bytes = 0;
    for (const { operation, bytes: size } of this.#waiting) {
      if (count > 0 && (events + eventsOf(operation) > BATCH.events || bytes + size > BATCH.bytes)) break;
      count += 1;
      events += eventsOf(operation);
      bytes += size;
    }
    if (count === 0) return this.#idle?.();
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
    this.#send(); // first, so that the disk works while we tell what it did
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
    for (const { since, reject } of this.#inFlight) if (since < overdue) reject(late);
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

  /** Writes what is queued, then ends the thread. */
  async [Symbol.asyncDispose](): Promise<void> {
    const died = this.#unusable !== undefined;
    this.#unusable ??= 'the event store is closed';
    if (died) return void (await this.#worker.terminate());
    if (this.length > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    clearInterval(this.#sweep);
    const exit = once(this.#worker, 'exit');
    this.#worker.postMessage('close' satisfies ToWriter);
    const timer = setTimeout(() => void this.#worker.terminate(), CLOSE_MS);
    await exit;
    clearTimeout(timer);
  }
}
