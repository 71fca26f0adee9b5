import { randomUUID } from 'node:crypto';
import { receiptsCodec } from '../domain/codec.ts';
import { type ConversationId, type Timestamp, type UserId, receiptsStreamOf } from '../domain/id.ts';
import { type EventStore, StoreUnavailable, WrongExpectedRevision } from '../domain/ports/event-store.ts';
import { type Progress, type ReceiptsEvent, further } from '../domain/receipts.ts';
import type { Conversations } from './conversations.ts';
import { type Receipts, type ReceiptsCache, advance } from './receipts.ts';

export type AppendDeps = {
  readonly store: Pick<EventStore, 'append' | 'read'>;
  readonly conversations: Pick<Conversations, 'get'>;
  readonly receipts: ReceiptsCache;
  readonly now: () => Timestamp;
  readonly appended?: (marks: number) => void;
};

export const appendLimits = {
  conflicts: 10,
  /** After so many events or marks, one event says everything: to fold a stream takes no more than these. */
  fullEvents: 200,
  fullMarks: 5_000,
} as const;

/**
 * Writes what is pending of those who are members still, and takes it off. Read again after a conflict: what others have
 * written, or this one without knowing, is not written again. There are never more marks than members: about 120 KB.
 */
export const appendMarks = async (
  deps: AppendDeps,
  conversationId: ConversationId,
  pending: Map<UserId, Progress>,
): Promise<string> => {
  const { store, receipts } = deps;
  for (let conflicts = 0; ; conflicts += 1) {
    const { members } = (await deps.conversations.get(conversationId)).state;
    const known = conflicts > 0 ? await receipts.fresh(conversationId) : await receipts.get(conversationId);
    const taken = [...pending];
    const takeOff = () => {
      for (const [userId, progress] of taken) if (pending.get(userId) === progress) pending.delete(userId);
    };
    const marks = taken.flatMap(([userId, progress]) => {
      const before = known.state.marks.get(userId);
      const after = further(before, progress);
      return after && after !== before && members.has(userId) ? [after] : [];
    });
    if (marks.length === 0) {
      takeOff();
      return known.position;
    }
    const event = eventOf(known, marks, members, deps.now());
    const expected = known.state.revision;
    try {
      const bytes = { id: randomUUID(), ...receiptsCodec.encode(event), meta: NO_META };
      const appended = await store.append(receiptsStreamOf(conversationId), expected, [bytes]);
      advance(known, { ...appended, event });
      receipts.keep(conversationId, known);
      takeOff();
      deps.appended?.(marks.length);
      return appended.position;
    } catch (error) {
      if (!(error instanceof WrongExpectedRevision)) throw error;
      if (conflicts >= appendLimits.conflicts)
        throw new StoreUnavailable('receipts were overtaken too often');
    }
  }
};

const NO_META = new Uint8Array();

const eventOf = (
  { state, since }: Receipts,
  marks: readonly Progress[],
  members: Pick<ReadonlySet<UserId>, 'has'>,
  at: Timestamp,
): ReceiptsEvent => {
  const event = { type: 'ReceiptsMoved' as const, at, marks: [...marks] };
  const full = (state.revision + 1) % appendLimits.fullEvents === 0;
  if (!full && since + marks.length <= appendLimits.fullMarks) return event;
  const moved = new Set(marks.map(({ userId }) => userId));
  const others = [...state.marks.values()].filter(({ userId }) => members.has(userId) && !moved.has(userId));
  return { ...event, others };
};
