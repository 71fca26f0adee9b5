import type { PollRequest } from '../protocol.ts';
import { Refusal } from '../rejections.ts';
import type { Backlog } from './backlog.ts';
import type { Frame } from './frame.ts';
import { type Transport, type TransportHandlers, unattended } from './transport.ts';

export const pollTimes = {
  /** A request without an answer takes so long. */
  waitMs: 25_000,
  /** After the first frame of an answer, for those that follow it at once. */
  gatherMs: 5,
  /** Polls that nobody asks for so long have ended. */
  idleMs: 40_000,
  /** How long a client may take to hear that the server has closed. */
  closeMs: 5_000,
};
export type PollTimes = typeof pollTimes;

const BEHIND_BYTES = 64 * 1024;

/**
 * Frames in the answers of HTTP requests. Answer n is kept, and given again to whoever asks after n - 1, until somebody
 * asks after n.
 */
export class PollTransport implements Transport {
  readonly address: string;
  handlers: TransportHandlers = unattended;
  readonly #times: PollTimes;
  readonly #backlog: Backlog;
  readonly #idle: NodeJS.Timeout;
  #onEnd: (() => void) | undefined;
  #n = 0;
  /** JSON of the frames of answer n, and of those that wait for the next. */
  #given: { readonly frames: readonly string[]; readonly bytes: number } | undefined;
  #waiting: string[] = [];
  #bytes = 0;
  /** How many frames the client has sent. */
  #taken = 0;
  /** Ends the request that waits; `false`: another one has come. */
  #answer: ((newest: boolean) => void) | undefined;
  #closing: { readonly code: number; readonly reason: string } | undefined;

  constructor(address: string, backlog: Backlog, onEnd: () => void, times: PollTimes = pollTimes) {
    this.address = address;
    this.#backlog = backlog;
    this.#onEnd = onEnd;
    this.#times = times;
    this.#idle = setTimeout(() => this.terminate(), times.idleMs).unref();
  }

  get open(): boolean {
    return this.#closing === undefined;
  }

  get unread(): number {
    return this.#bytes + (this.#given?.bytes ?? 0);
  }

  send(frame: Frame): void {
    if (!this.open) return;
    const text = frame.json();
    if (this.#answer && this.#waiting.length === 0) setTimeout(this.#answer, this.#times.gatherMs, true);
    this.#waiting.push(text);
    this.#bytes += text.length;
    if (this.unread > BEHIND_BYTES) this.#backlog.add(this);
  }

  close(code: number, reason: string): void {
    if (!this.open) return;
    this.#closing = { code, reason };
    if (this.#answer) this.#answer(true);
    else setTimeout(() => this.#end(), this.#times.closeMs).unref();
  }

  terminate(): void {
    this.#closing ??= { code: 1006, reason: '' };
    this.#answer?.(true);
    this.#end();
  }

  /** Whoever asks is there; whoever does not is ended by the clock of this transport. */
  beat(): void {
    this.handlers.alive();
  }

  /** The JSON of a `PollAnswer`. Throws `Refusal`, and then nothing was taken. */
  async ask({ after, first = this.#taken, frames }: PollRequest): Promise<string> {
    const confirmed = this.#given ? this.#n - 1 : this.#n;
    const isAgain = this.#given !== undefined && after === confirmed;
    if (after > this.#n)
      throw new Refusal(
        'invalid_request',
        `The last answer was ${this.#n}: nothing can come after ${after}.`,
      );
    if (first > this.#taken)
      throw new Refusal('invalid_request', `Of ${first} frames only ${this.#taken} have come.`);
    this.#idle.refresh();
    this.handlers.alive();
    for (const frame of frames.slice(this.#taken - first)) this.#take(frame);
    // A newer request has overtaken it.
    if (after < confirmed) return JSON.stringify({ n: confirmed, frames: [] });
    this.#answer?.(false);
    if (!isAgain) this.#given = undefined;
    const mayAnswer = isAgain || this.#waiting.length > 0 || !this.open;
    if (!mayAnswer && !(await this.#something())) return JSON.stringify({ n: after, frames: [] });
    return this.#give();
  }

  #take(frame: unknown): void {
    this.#taken += 1;
    if (this.open) this.handlers.receive(frame);
  }

  /** Waits for something to answer, for a time; false if another request has come. */
  #something(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => answer(true), this.#times.waitMs);
      const answer = (newest: boolean) => {
        clearTimeout(timer);
        if (this.#answer === answer) this.#answer = undefined;
        this.#idle.refresh();
        resolve(newest);
      };
      this.#answer = answer;
    });
  }

  #give(): string {
    if (this.#given === undefined && this.#waiting.length > 0) {
      this.#n += 1;
      this.#given = { frames: this.#waiting, bytes: this.#bytes };
      this.#waiting = [];
      this.#bytes = 0;
    }
    const isLast = this.#closing !== undefined && this.#waiting.length === 0;
    if (isLast) this.#end();
    const closed = isLast ? `,"closed":${JSON.stringify(this.#closing)}` : '';
    return `{"n":${this.#n},"frames":[${this.#given?.frames.join(',') ?? ''}]${closed}}`;
  }

  #end(): void {
    const onEnd = this.#onEnd;
    if (!onEnd) return;
    this.#onEnd = undefined;
    clearTimeout(this.#idle);
    this.handlers.closed();
    onEnd();
  }
}
