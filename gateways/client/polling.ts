import type { ClientFrame, ErrorBody, Poll, PollAnswer, PollRequest } from '../protocol.ts';
import { type Clock, systemClock } from './clock.ts';
import { type Times, times as usualTimes } from './times.ts';
import type { Transport } from './transport.ts';

/** Of one request; the server takes 256 frames, and refuses a large body. */
const MOST_FRAMES = 200;
const MOST_CHARACTERS = 200_000;
/** One that waits for frames, and one that brings some. */
const MOST_REQUESTS = 2;

type Options = {
  readonly url: string;
  readonly fetch?: typeof globalThis.fetch;
  readonly clock?: Clock;
  readonly times?: Partial<Times>;
};

/**
 * Frames over HTTP. A request waits for an answer; what is to be said meanwhile goes with another one, which ends the one
 * before. Each carries all frames that were not answered yet: the server knows by `first` which of them it has.
 */
export const pollingTransport = ({ url, clock = systemClock, ...options }: Options): Transport => ({
  name: 'polling',
  open({ opened, receive, closed }) {
    const { fetch = globalThis.fetch, times } = options;
    const patience = times?.poll ?? usualTimes.poll;
    const requests = new Set<AbortController>();
    let path: string | undefined;
    let after = 0;
    let first = 0;
    let unanswered: ClientFrame[] = [];
    /** How many frames have gone with some request. */
    let carried = 0;
    let newest = 0;
    let over = false;
    let queued = false;

    const end = (code: number, reason: string) => {
      if (over) return;
      stop();
      closed(code, reason);
    };
    const stop = () => {
      over = true;
      for (const request of requests) request.abort();
    };

    const post = async <T>(to: string, body?: unknown): Promise<T> => {
      const request = new AbortController();
      requests.add(request);
      const cancel = clock.after(patience, () => request.abort());
      try {
        const response = await fetch(url + to, {
          method: 'POST',
          ...(body !== undefined && {
            headers: { 'Content-Type': 'application/json' },
            body: JSON.stringify(body),
          }),
          signal: request.signal,
        });
        const answer = (await response.json()) as T | ErrorBody;
        if (!response.ok) throw new Error((answer as ErrorBody).message);
        return answer as T;
      } finally {
        cancel();
        requests.delete(request);
      }
    };

    const batch = (): ClientFrame[] => {
      let characters = 0;
      const fits = (frame: ClientFrame, index: number) =>
        (characters += JSON.stringify(frame).length) < MOST_CHARACTERS || index === 0;
      const end = unanswered.findIndex((frame, index) => index >= MOST_FRAMES || !fits(frame, index));
      return end < 0 ? [...unanswered] : unanswered.slice(0, end);
    };

    const ask = async (): Promise<void> => {
      if (over || path === undefined || requests.size >= MOST_REQUESTS) return;
      const mine = ++newest;
      const frames = batch();
      const taken = first + frames.length;
      carried = Math.max(carried, taken);
      let answer: PollAnswer;
      try {
        answer = await post<PollAnswer>(path, { after, first, frames } satisfies PollRequest);
      } catch (error) {
        return end(1006, error instanceof Error ? error.message : String(error));
      }
      if (taken > first) {
        unanswered = unanswered.slice(taken - first);
        first = taken;
      }
      if (answer.n > after) {
        after = answer.n;
        for (const frame of answer.frames) if (!over) receive(frame);
      }
      if (answer.closed) return end(answer.closed.code, answer.closed.reason);
      if (mine === newest || first + unanswered.length > carried) return ask();
    };

    const begin = async () => {
      try {
        const { pollId } = await post<Poll>('/v1/polls');
        path = `/v1/polls/${pollId}`;
      } catch (error) {
        return end(1006, error instanceof Error ? error.message : String(error));
      }
      if (over) return leave();
      opened();
      return ask();
    };
    const leave = () => {
      if (path === undefined) return;
      fetch(url + path, { method: 'DELETE', keepalive: true }).catch(() => undefined);
    };
    void begin();

    return {
      send: (frame) => {
        unanswered.push(frame);
        if (queued || newest === 0) return;
        queued = true;
        queueMicrotask(() => {
          queued = false;
          void ask();
        });
      },
      close: () => {
        stop();
        leave();
      },
    };
  },
});
