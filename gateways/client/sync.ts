import type { EventsPage, SequencedEvent, ServerFrame, SyncToken } from '../protocol.ts';
import { createBarrier } from './barrier.ts';
import { type Clock, backoff } from './clock.ts';
import { type Gap, enqueue, fillGap } from './gap.ts';
import type { Kept } from './key-value.ts';
import type { Listeners } from './options.ts';
import type { Times } from './times.ts';
import type { ConversationId, Seq } from './types.ts';

type Deps = {
  readonly kept: Kept;
  readonly clock: Clock;
  readonly times: Times;
  readonly random: () => number;
  readonly events: (conversationId: ConversationId, after: number) => Promise<EventsPage>;
  readonly on: Pick<Listeners, 'onBehind' | 'onLost'> & {
    onEvents(conversationId: ConversationId, events: readonly SequencedEvent[]): unknown;
    onReset(cause: { code: string; message: string } | undefined): unknown;
  };
  readonly onThrown: (error: unknown) => void;
};

const TOKEN = 'sync';
const CURSOR = 'cursor.';
/** Ranges that are read at once. */
const READERS = 4;

/**
 * Hands on every event of a conversation once, in order and without a gap, whatever the connections do. The token that is
 * kept is never ahead of what was handed on: it waits for the gaps that were open when it came, and for the listener.
 */
export const createSync = ({ kept, clock, times, random, events, on, onThrown }: Deps) => {
  const cursors = new Map<ConversationId, Seq>();
  const gaps = new Map<ConversationId, Gap>();
  /** Until then the listener is at work with a conversation's events. */
  const listened = new Map<ConversationId, Promise<void>>();
  const idle: (() => void)[] = [];
  let readers = 0;
  let token = kept.get(TOKEN);
  let generation = 0;
  let barrier = newBarrier();
  let closed = false;
  for (const key of kept.keys())
    if (key.startsWith(CURSOR)) cursors.set(key.slice(CURSOR.length), Number(kept.get(key)));

  /** What was begun before a new start says nothing after it. */
  function newBarrier() {
    generation += 1;
    const mine = generation;
    return createBarrier((next: SyncToken) => {
      if (mine !== generation) return;
      token = next;
      kept.set(TOKEN, next);
    });
  }

  /** What a listener does counts as done when its promise is resolved; when it throws, never. */
  const listen = (work: () => unknown): Promise<unknown> | undefined => {
    const leave = barrier.enter();
    try {
      const done = work();
      if (done instanceof Promise) {
        done.then(leave, onThrown);
        return done;
      }
      leave();
      return undefined;
    } catch (error) {
      onThrown(error);
      return new Promise(() => undefined);
    }
  };

  /** The place in a conversation, which is kept once the listener has done all up to there. */
  const moveTo = (id: ConversationId, seq: Seq, listening?: Promise<unknown>) => {
    cursors.set(id, seq);
    const before = listened.get(id);
    if (!before && !listening) return void kept.set(CURSOR + id, String(seq));
    const mine = generation;
    const done = Promise.all([before, listening]).then(() => {
      if (mine !== generation) return;
      kept.set(CURSOR + id, String(seq));
      if (listened.get(id) === done) listened.delete(id);
    });
    done.catch(() => undefined); // it was told already
    listened.set(id, done);
  };

  const handOn = (id: ConversationId, fresh: readonly SequencedEvent[]) => {
    const last = fresh.at(-1);
    if (!last) return;
    // Before the listener, who may ask for it.
    cursors.set(id, last.seq);
    moveTo(
      id,
      last.seq,
      listen(() => on.onEvents(id, fresh)),
    );
  };

  const take = (id: ConversationId, came: readonly SequencedEvent[]) => {
    const gap = gaps.get(id);
    if (gap) return enqueue(gap, came);
    const at = cursors.get(id) ?? (came[0]?.seq ?? 0) - 1;
    const fresh = came.filter(({ seq }) => seq > at);
    const jump = fresh.findIndex(({ seq }, index) => seq !== at + 1 + index);
    if (jump < 0) return handOn(id, fresh);
    handOn(id, fresh.slice(0, jump));
    return open(id, fresh.slice(jump));
  };

  /** Reads what is missing before `rest`; `to`: at least up to there. */
  const open = (id: ConversationId, rest: readonly SequencedEvent[], to?: Seq) => {
    const gap: Gap = { target: to ?? -1, queue: [], over: false, wake: undefined };
    enqueue(gap, rest);
    gaps.set(id, gap);
    void read(id, gap, barrier.enter());
  };

  const read = async (id: ConversationId, gap: Gap, leave: () => void) => {
    if (readers >= READERS) await new Promise<void>((resolve) => idle.push(resolve));
    readers += 1;
    const lost = await fillGap(gap, {
      at: () => cursors.get(id) ?? -1,
      page: () => events(id, cursors.get(id) ?? -1),
      handOn: (fresh) => handOn(id, fresh),
      passOver: (seq) => moveTo(id, seq),
      wait: (attempt, wake) =>
        clock.after(backoff(attempt, { first: times.backoffFirst, most: times.backoffMost, random }), wake),
    }).catch((error: unknown) => {
      onThrown(error);
      return true;
    });
    readers -= 1;
    idle.shift()?.();
    if (gap.over) return;
    gaps.delete(id);
    if (lost) {
      cursors.delete(id);
      kept.delete(CURSOR + id);
      on.onLost(id);
    }
    const listening = listened.get(id);
    if (listening) listening.then(leave, () => undefined);
    else leave();
  };

  const stop = () => {
    for (const gap of gaps.values()) {
      gap.over = true;
      gap.wake?.();
    }
    gaps.clear();
  };

  const reset = () => {
    stop();
    cursors.clear();
    listened.clear();
    for (const key of kept.keys()) if (key === TOKEN || key.startsWith(CURSOR)) kept.delete(key);
    token = undefined;
    barrier = newBarrier();
  };

  const behind = (id: ConversationId, after: number, lastSeq: Seq) => {
    const at = cursors.get(id);
    if (at !== undefined && at >= lastSeq) return;
    if (at === undefined && after >= 0) moveTo(id, after);
    if (on.onBehind(id, at ?? after, lastSeq) === 'skip') return moveTo(id, lastSeq);
    const gap = gaps.get(id);
    if (gap) gap.target = Math.max(gap.target, lastSeq);
    else open(id, [], lastSeq);
  };

  return {
    /** For the next `hello`. */
    token: () => token,
    lastSeqOf: (id: ConversationId) => cursors.get(id),
    welcome({ resumed, sync, cause }: Extract<ServerFrame, { type: 'welcome' }>) {
      if (closed) return;
      for (const gap of gaps.values()) gap.wake?.();
      if (resumed) return;
      reset();
      void listen(() => on.onReset(cause));
      barrier.pass(sync);
    },
    events(id: ConversationId, came: readonly SequencedEvent[], sync: SyncToken | undefined) {
      if (closed) return;
      take(id, came);
      if (sync !== undefined) barrier.pass(sync);
    },
    behind(conversations: Extract<ServerFrame, { type: 'behind' }>['conversations']) {
      for (const { conversationId, after, lastSeq } of conversations) behind(conversationId, after, lastSeq);
    },
    reached(sync: SyncToken) {
      if (!closed) barrier.pass(sync);
    },
    close() {
      closed = true;
      generation += 1;
      stop();
    },
  };
};
