import type { Logger } from 'pino';
import { conversationCodec } from '../../domain/codec.ts';
import { isLeaving } from '../../domain/conversation-event.ts';
import { type ConversationId, type Seq, type UserId, streamOf } from '../../domain/id.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { EventsPage, SequencedEvent } from '../protocol.ts';

export const eventsPage = {
  events: 200,
  /** Of what is stored; the event that passes it is the last of its page. */
  bytes: 1024 * 1024,
} as const;

/** Events are read in portions, so that at most so many large ones are read at once. */
const PORTION = 32;

/** The events of a conversation after a seq (-1: from the first): at least one, unless there is none. */
export const eventsAfter = async (
  { store, log }: { readonly store: Pick<EventStore, 'read'>; readonly log: Logger },
  conversationId: ConversationId,
  after: number,
  limit: number,
): Promise<EventsPage> => {
  const stream = streamOf(conversationId);
  const [newest] = await store.read(stream, { backwards: true, limit: 1 });
  const events: SequencedEvent[] = [];
  let last = after;
  let bytes = 0;
  while (events.length < limit && bytes <= eventsPage.bytes) {
    const portion = await store.read(stream, {
      from: last + 1,
      limit: Math.min(PORTION, limit - events.length),
    });
    if (portion.length === 0) break;
    for (const { revision: seq, type, data } of portion) {
      if (bytes > eventsPage.bytes) break;
      last = seq;
      try {
        events.push({ seq, event: conversationCodec.decode(type, data) });
        bytes += data.byteLength;
      } catch (err) {
        // Passed over, as it is in what comes live: the clients see the jump in seq.
        log.error({ err, stream, seq }, 'an event can’t be read');
      }
    }
  }
  return { events, lastSeq: Math.max(newest?.revision ?? 0, last, 0) };
};

/** The view that let somebody in may be a moment old: what follows their leaving is not for them. */
export const upToLeaving = (
  page: EventsPage,
  userId: UserId,
  { joinedSeq }: { joinedSeq: Seq },
): EventsPage => {
  const moves = ({ seq, event }: SequencedEvent) =>
    seq > joinedSeq && (event.type === 'MemberJoined' || isLeaving(event)) && event.userId === userId;
  const last = page.events.findLastIndex(moves);
  const left = page.events[last];
  if (!left || !isLeaving(left.event)) return page;
  return { events: page.events.slice(0, last + 1), lastSeq: left.seq };
};
