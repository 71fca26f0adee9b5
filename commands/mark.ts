import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ConversationId, type Seq, type UserId, streamOf } from '../domain/id.ts';
import { type EventStore, START, StoreUnavailable } from '../domain/ports/event-store.ts';
import { type Progress, further, mark } from '../domain/receipts.ts';
import { type Rejection, isRejection, reject } from '../domain/rejection.ts';
import { type AppendDeps, appendMarks } from './append-marks.ts';
import { Overloaded } from './handle.ts';
import type { PreferencesOf } from './preferences.ts';

/** How far somebody says that they have come. */
export type MarkRequest = {
  readonly by: UserId;
  readonly conversationId: ConversationId;
  readonly delivered?: Seq | undefined;
  readonly read?: Seq | undefined;
};

export type Marks = AsyncDisposable & {
  /** Resolves when it is accepted, which is before it is durable. Throws `Overloaded`, and what the stores throw. */
  mark(request: MarkRequest): Promise<Rejection | undefined>;
  /**
   * Resolves once what was accepted of the conversation before is durable, to a position of the log at or after it. Throws
   * `StoreUnavailable` when it was given up.
   */
  durable(conversationId: ConversationId): Promise<string>;
};

export const markLimits = {
  /** Time between two appends to one conversation's receipts. */
  paceMs: 250,
  /** Time between two attempts, while the store can't answer, at most; and when they end. */
  retryMs: 8_000,
  giveUpMs: 60_000,
  /** Conversations that something is pending of. */
  conversations: 50_000,
} as const;

export type MarkDeps = AppendDeps & {
  readonly preferences: Pick<PreferencesOf, 'of'>;
  readonly paceMs?: number;
  /** `outcome`: accepted, unchanged, or the reason of the refusal. */
  readonly observe?: (outcome: string) => void;
  /** Marks were given up. */
  readonly onError?: (error: unknown, conversationId: ConversationId) => void;
};

/** What is to be appended to one conversation's receipts, who waits for it, and how to end its pause. */
type Moving = {
  readonly pending: Map<UserId, Progress>;
  readonly waiting: { resolve(position: string): void; reject(error: unknown): void }[];
  hurry?: () => void;
};

/**
 * Marks of a conversation are gathered: the first one is appended at once, what comes meanwhile together a moment later. What
 * the store can't take is tried again for a minute; then it is dropped, and clients say it again.
 */
export const createMarks = (deps: MarkDeps): Marks => {
  const { conversations, receipts, paceMs = markLimits.paceMs } = deps;
  const moving = new Map<ConversationId, Moving>();
  const working = new Set<Promise<void>>();
  let closing = false;

  const pause = (one: Moving, ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, closing ? 0 : ms);
      one.hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const work = async (conversationId: ConversationId, one: Moving) => {
    await nextTurn(); // what arrives in this turn of the event loop goes together
    let failingSince: number | undefined;
    let position = START;
    for (let ms = paceMs; one.pending.size > 0; ) {
      const last: boolean = closing;
      const due = one.waiting.length;
      try {
        position = await appendMarks(deps, conversationId, one.pending);
        for (const waiter of one.waiting.splice(0, due)) waiter.resolve(position);
        [ms, failingSince] = [paceMs, undefined];
      } catch (error) {
        failingSince ??= performance.now();
        const overdue = performance.now() - failingSince > markLimits.giveUpMs;
        if (last || overdue || !(error instanceof StoreUnavailable)) {
          one.pending.clear();
          for (const waiter of one.waiting.splice(0)) waiter.reject(error);
          deps.onError?.(error, conversationId);
          break;
        }
        ms = Math.min(2 * ms, markLimits.retryMs) * (0.5 + Math.random() / 2);
      }
      await pause(one, ms);
    }
    moving.delete(conversationId);
    for (const waiter of one.waiting) waiter.resolve(position);
  };

  const add = (conversationId: ConversationId, progress: Progress) => {
    const known = moving.get(conversationId);
    if (known) return known.pending.set(progress.userId, progress);
    if (closing) throw new StoreUnavailable('marks are no longer taken');
    if (moving.size >= markLimits.conversations) {
      throw new Overloaded('too many marks are waiting; try again in a moment');
    }
    const one: Moving = { pending: new Map([[progress.userId, progress]]), waiting: [] };
    moving.set(conversationId, one);
    const done = work(conversationId, one).finally(() => working.delete(done));
    return working.add(done);
  };

  const decide = async (request: MarkRequest): Promise<Rejection | 'accepted' | 'unchanged'> => {
    const { by, conversationId, delivered, read } = request;
    const conversation = await conversations.get(conversationId);
    if (!conversation.state.members.has(by)) {
      return reject('conversation_not_found', 'there is no such conversation among yours');
    }
    const hidden = read !== undefined && !(await deps.preferences.of(by)).shareReadReceipts;
    const known = await receipts.get(conversationId);
    let end = conversation.marks.at(-1)?.revision ?? -1;
    // What has been delivered may be on its way to the state.
    if (Math.max(delivered ?? -1, read ?? -1) > end) end = await endOf(deps.store, conversationId);
    const pending = moving.get(conversationId)?.pending.get(by);
    const before = further(known.state.marks.get(by), pending);
    const after = mark(before, { by, delivered, read, private: hidden }, end);
    if (!after || after === before) return 'unchanged';
    if (!isRejection(after)) add(conversationId, after);
    return isRejection(after) ? after : 'accepted';
  };

  return {
    mark: async (request) => {
      const outcome = await decide(request);
      const refused = typeof outcome === 'object';
      deps.observe?.(refused ? outcome.rejected : outcome);
      return refused ? outcome : undefined;
    },
    durable: (conversationId) => {
      const one = moving.get(conversationId);
      if (!one) return receipts.get(conversationId).then(({ position }) => position);
      return new Promise((resolve, fail) => one.waiting.push({ resolve, reject: fail }));
    },
    [Symbol.asyncDispose]: async () => {
      closing = true;
      for (const { hurry } of moving.values()) hurry?.();
      await Promise.all(working);
    },
  };
};

const endOf = async (store: Pick<EventStore, 'read'>, conversationId: ConversationId): Promise<number> => {
  const [newest] = await store.read(streamOf(conversationId), { backwards: true, limit: 1 });
  return newest?.revision ?? -1;
};
