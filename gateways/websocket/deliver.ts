import { conversationCodec } from '../../domain/codec.ts';
import type { ConversationEvent } from '../../domain/conversation-event.ts';
import { type ConversationId, type UserId, conversationOf } from '../../domain/id.ts';
import type { EventStore, RecordedEvent } from '../../domain/ports/event-store.ts';
import type { SequencedEvent, ServerFrame } from '../protocol.ts';
import { textFrame } from './outbox.ts';
import type { Rooms } from './rooms.ts';

export type Delivery = {
  /** Everything up to this position of the log has been delivered to whoever was there. */
  position(): string;
  readonly stopped: Promise<void>;
};

/**
 * Carries committed events to the sockets of their conversations: one frame a conversation and batch, the same bytes for
 * everybody. An event that can't be read is passed over; the clients see the jump in seq and say so.
 */
export const deliver = (deps: {
  store: EventStore;
  rooms: Rooms;
  after: string;
  signal: AbortSignal;
  onError: (error: unknown, event?: RecordedEvent) => void;
  observe?: (frames: number) => void;
}): Delivery => {
  const { store, rooms, signal, onError } = deps;
  let position = deps.after;

  const flush = (conversationId: ConversationId, events: SequencedEvent[]) => {
    const room = rooms.in(conversationId);
    if (events.length === 0 || room.size === 0) return;
    const frame = textFrame(JSON.stringify({ type: 'events', conversationId, events } satisfies ServerFrame));
    for (const seat of room) seat.send(frame);
    deps.observe?.(room.size);
  };

  const batch = (recorded: readonly RecordedEvent[]) => {
    const pending = new Map<ConversationId, SequencedEvent[]>();
    for (const one of recorded) {
      const conversationId = conversationOf(one.stream);
      const event = conversationId && read(one);
      if (!event) continue;
      const { joins, leaves } = moves(event);
      const moving =
        (joins !== undefined && rooms.knows(joins)) || (leaves !== undefined && rooms.knows(leaves));
      const founding = event.type === 'ConversationCreated';
      if (!moving && !founding && rooms.in(conversationId).size === 0) continue;
      const events = pending.get(conversationId) ?? [];
      pending.set(conversationId, events);
      // Who joins gets the event of joining and what follows (of a conversation just founded: everything); who leaves gets
      // the event of leaving and nothing more.
      if (moving && joins) {
        if (events[0]?.event.type !== 'ConversationCreated') flush(conversationId, events.splice(0));
        rooms.join(joins, conversationId);
      }
      events.push({ seq: one.revision, event });
      if (moving && leaves) {
        flush(conversationId, events.splice(0));
        rooms.leave(leaves, conversationId);
      }
    }
    for (const [conversationId, events] of pending) flush(conversationId, events);
    position = recorded.at(-1)?.position ?? position;
  };

  const read = (recorded: RecordedEvent): ConversationEvent | undefined => {
    try {
      return conversationCodec.decode(recorded.type, recorded.data);
    } catch (error) {
      onError(error, recorded);
      return undefined;
    }
  };

  const run = async () => {
    for await (const recorded of store.subscribe(deps.after, signal)) batch(recorded);
  };

  return { position: () => position, stopped: run().catch((error: unknown) => onError(error)) };
};

const moves = (event: ConversationEvent): { joins?: UserId; leaves?: UserId } => {
  switch (event.type) {
    case 'MemberJoined':
      return { joins: event.userId };
    case 'MemberLeft':
    case 'MemberRemoved':
    case 'MemberBanned':
      return { leaves: event.userId };
    default:
      return {};
  }
};
