import type { Logger } from 'pino';
import { conversationCodec } from '../../domain/codec.ts';
import { type ConversationId, streamOf } from '../../domain/id.ts';
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
