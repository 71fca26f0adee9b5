import type { EventsPage, SequencedEvent } from '../protocol.ts';
import type { Seq } from './types.ts';

/** Missing events of a conversation, up to `target`. What comes meanwhile waits in `queue`: consecutive events. */
export type Gap = {
  target: number;
  queue: SequencedEvent[];
  /** Nobody waits for it any more. */
  over: boolean;
  /** Ends a wait before its time. */
  wake: (() => void) | undefined;
};

/** Beyond, they are read like the missing ones. */
const MOST_QUEUED = 500;
/** A view that does not know yet that one was added answers like one of somebody who has left. */
const TRIES_NOT_FOUND = 5;

export const enqueue = (gap: Gap, events: readonly SequencedEvent[]): void => {
  for (const entry of events) {
    gap.target = Math.max(gap.target, entry.seq);
    const last = gap.queue.at(-1);
    if (!last || entry.seq === last.seq + 1) gap.queue.push(entry);
    else if (entry.seq > last.seq) gap.queue = [entry];
  }
  if (gap.queue.length > MOST_QUEUED) gap.queue = [];
};

type Deps = {
  /** The last seq that was handed on; -1: none. */
  readonly at: () => number;
  /** The events after it. */
  readonly page: () => Promise<EventsPage>;
  readonly handOn: (events: readonly SequencedEvent[]) => void;
  /** Up to there nobody can read anything. */
  readonly passOver: (seq: Seq) => void;
  /** Calls `wake` after the time for this attempt; what it returns calls that off. */
  readonly wait: (attempt: number, wake: () => void) => () => void;
};

/** Reads and hands on until nothing is missing; true: it can't be read. Tries as long as the gap is not `over`, later and later. */
export const fillGap = async (gap: Gap, { at, page, handOn, passOver, wait }: Deps): Promise<boolean> => {
  let failed = 0;
  let notFound = 0;
  const pause = () =>
    new Promise<void>((resolve) => {
      const wake = () => {
        gap.wake = undefined;
        cancel();
        resolve();
      };
      const cancel = wait(failed, wake);
      gap.wake = wake;
      failed += 1;
    });

  while (!gap.over) {
    const waiting = gap.queue.filter(({ seq }) => seq > at());
    if (waiting[0]?.seq === at() + 1) {
      gap.queue = [];
      handOn(waiting);
      continue;
    }
    if (at() >= gap.target) return false;
    try {
      const { events, lastSeq } = await page();
      if (gap.over) return false;
      const fresh = events.filter(({ seq }) => seq > at());
      const known = at();
      if (fresh.length > 0) handOn(fresh);
      else if (lastSeq > known) passOver(lastSeq);
      if (at() > known) failed = 0;
      else await pause();
    } catch (error) {
      if (isNotFound(error)) notFound += 1;
      if (notFound > TRIES_NOT_FOUND) return true;
      await pause();
    }
  }
  return false;
};

const isNotFound = (error: unknown): boolean =>
  error instanceof Error && 'status' in error && error.status === 404;
