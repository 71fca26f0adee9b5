import { conversationCodec, receiptsCodec } from '../../domain/codec.ts';
import { isLeaving } from '../../domain/conversation-event.ts';
import { type ConversationId, type UserId, conversationOf, receiptsOf } from '../../domain/id.ts';
import type { EventStore, RecordedEvent } from '../../domain/ports/event-store.ts';
import type { SequencedEvent, SyncToken } from '../protocol.ts';
import { Frame } from './frame.ts';
import type { ReceiptFrames } from './receipts.ts';
import type { Rooms } from './rooms.ts';
import { type LogMark, encodeSync, markOf } from './sync-token.ts';

export type Delivery = {
  /** Everything up to here has been delivered to whoever was there. */
  mark(): LogMark;
  /** The same as a token. */
  sync(): SyncToken;
  readonly stopped: Promise<void>;
};

/** Events of one conversation that go into one frame; `first` is the index of the first of them in its batch. */
type Pending = { readonly first: number; readonly events: SequencedEvent[] };

/**
 * Carries committed events to the sockets of their conversations: one frame a conversation and batch, the same for
 * everybody. An event that can't be read is passed over; the clients see the jump in seq and say so. A frame's token says
 * up to where nothing follows in the frames of the batch that are still to come.
 */
export const deliver = (deps: {
  store: Pick<EventStore, 'subscribe'>;
  rooms: Rooms;
  receipts: Pick<ReceiptFrames, 'prepare' | 'framesOf'>;
  after: LogMark;
  signal: AbortSignal;
  onError: (error: unknown, event?: RecordedEvent) => void;
  /** Somebody joined or left a conversation that is heard here. */
  moved?: (conversationId: ConversationId, userId: UserId, joined: boolean) => void;
  observe?: (frames: number) => void;
}): Delivery => {
  const { store, rooms, receipts, signal, onError } = deps;
  let mark = deps.after;
  let sync = encodeSync(mark);

  const flush = (conversationId: ConversationId, events: SequencedEvent[], token: () => SyncToken) => {
    const room = rooms.in(conversationId);
    if (events.length === 0 || room.size === 0) return;
    const frame = new Frame({ type: 'events', conversationId, events, sync: token() });
    for (const seat of room) seat.send(frame);
    deps.observe?.(room.size);
  };

  /** Everything in one turn: whoever takes a seat comes before all of it, or after. */
  const batch = (recorded: readonly RecordedEvent[], marked: readonly Marked[]) => {
    // In the order of `first`.
    const pending = new Map<ConversationId, Pending>();
    const end = recorded.length;
    /** The token of whoever has everything before this index. */
    const before = (index: number): SyncToken => {
      const last = recorded[index - 1];
      return last ? encodeSync(markOf(last)) : sync;
    };
    const nextOf = (fallback: number): number => {
      for (const { first } of pending.values()) return Math.min(first, marked[0]?.index ?? end, fallback);
      return Math.min(marked[0]?.index ?? end, fallback);
    };
    const flushNow = (conversationId: ConversationId, next: number) => {
      const waiting = pending.get(conversationId);
      if (!waiting) return;
      pending.delete(conversationId);
      flush(conversationId, waiting.events, () => before(nextOf(next)));
    };

    for (let index = 0; index < end; index += 1) {
      const one = recorded[index];
      const conversationId = one && conversationOf(one.stream);
      if (!conversationId) continue;
      const unheard =
        one.type !== 'ConversationCreated' &&
        !pending.has(conversationId) &&
        rooms.in(conversationId).size === 0;
      if (unheard && !isMove(one.type)) continue;
      const event = read(() => conversationCodec.decode(one.type, one.data), one);
      if (!event) continue;
      const joins = event.type === 'MemberJoined' && rooms.knows(event.userId) ? event.userId : undefined;
      const leaves = isLeaving(event) ? event.userId : undefined;
      const moving = joins !== undefined || (leaves !== undefined && rooms.knows(leaves));
      if (unheard && !moving) continue;
      if (event.type === 'MemberJoined') deps.moved?.(conversationId, event.userId, true);
      else if (leaves !== undefined) deps.moved?.(conversationId, leaves, false);
      // Who joins gets the event of joining and what follows (of a conversation just founded: everything); who leaves gets
      // the event of leaving and nothing more.
      if (joins !== undefined) {
        if (pending.get(conversationId)?.events[0]?.event.type !== 'ConversationCreated')
          flushNow(conversationId, index);
        rooms.join(joins, conversationId);
      }
      const waiting = pending.get(conversationId);
      if (waiting) waiting.events.push({ seq: one.revision, event });
      else pending.set(conversationId, { first: index, events: [{ seq: one.revision, event }] });
      if (moving && leaves !== undefined) {
        flushNow(conversationId, index + 1);
        rooms.leave(leaves, conversationId);
      }
    }
    for (const conversationId of pending.keys()) flushNow(conversationId, end);
    for (const one of marked) tell(one);
    const last = recorded[end - 1];
    if (!last) return;
    mark = markOf(last);
    sync = encodeSync(mark);
  };

  /** Those who moved learn it on all their devices, the room what it may see. */
  const tell = ({ conversationId, recorded }: Marked) => {
    const news = read(
      () =>
        receipts.framesOf(
          conversationId,
          recorded.revision,
          receiptsCodec.decode(recorded.type, recorded.data),
        ),
      recorded,
    );
    if (!news) return;
    for (const [userId, frame] of news.own) for (const seat of rooms.seatsOf(userId)) seat.send(frame);
    if (news.room) for (const seat of rooms.in(conversationId)) seat.send(news.room);
  };

  const read = <T>(decode: () => T, recorded: RecordedEvent): T | undefined => {
    try {
      return decode();
    } catch (error) {
      onError(error, recorded);
      return undefined;
    }
  };

  const run = async () => {
    for await (const recorded of store.subscribe(deps.after.position, signal)) {
      const marked = markedIn(recorded);
      if (marked.length > 0) await receipts.prepare(firstOf(marked));
      batch(recorded, marked);
    }
  };

  return {
    mark: () => mark,
    sync: () => sync,
    stopped: run().catch((error: unknown) => onError(error)),
  };
};

/** An event of receipts, and its index in its batch. */
type Marked = {
  readonly index: number;
  readonly conversationId: ConversationId;
  readonly recorded: RecordedEvent;
};

const markedIn = (batch: readonly RecordedEvent[]): Marked[] => {
  const marked: Marked[] = [];
  for (let index = 0; index < batch.length; index += 1) {
    const recorded = batch[index];
    const conversationId = recorded && receiptsOf(recorded.stream);
    if (conversationId) marked.push({ index, conversationId, recorded });
  }
  return marked;
};

const firstOf = (marked: readonly Marked[]): Map<ConversationId, number> => {
  const first = new Map<ConversationId, number>();
  for (const { conversationId, recorded } of marked)
    if (!first.has(conversationId)) first.set(conversationId, recorded.revision);
  return first;
};

const isMove = (type: string): boolean =>
  type === 'MemberJoined' || type === 'MemberLeft' || type === 'MemberRemoved' || type === 'MemberBanned';
