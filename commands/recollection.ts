import { conversationCodec } from '../domain/codec.ts';
import type { Content } from '../domain/conversation-event.ts';
import { type MessageState, type Missing, messageOf, sendKey, touch } from '../domain/conversation-state.ts';
import { type ConversationId, type Seq, streamOf } from '../domain/id.ts';
import { type EventStore, eventLimits } from '../domain/ports/event-store.ts';
import { type Conversation, positionOf } from './conversations.ts';

/** What the timeline's read model knows of a message. */
export type KnownMessage = {
  readonly content?: Content | undefined;
  readonly reactions: readonly { readonly emoji: string; readonly userIds: readonly string[] }[];
};

/** The read model that old messages are looked up in. */
export type Timeline = {
  /** Whether the view holds everything of this conversation up to that position of the log; waits for it at most so long. */
  complete(conversationId: ConversationId, position: string, timeoutMs: number): Promise<boolean>;
  sentAs(conversationId: ConversationId, key: string): Promise<Seq | undefined>;
  message(conversationId: ConversationId, seq: Seq): Promise<KnownMessage | undefined>;
};

/** Finds an old message that a decision needs; undefined when there is none. */
export type Recollection = (
  conversationId: ConversationId,
  at: Conversation,
  what: Missing,
) => Promise<MessageState | undefined>;

const WAIT_MS = 2_000;

/**
 * The view answers when it is sure to be complete. When it lags or is broken the stream itself is read, which is slow
 * for a long conversation, but right.
 */
export const createRecollection = ({
  store,
  timeline,
}: {
  store: EventStore;
  timeline: Timeline;
}): Recollection => {
  const original = async (conversationId: ConversationId, seq: Seq) => {
    const [recorded] = await store.read(streamOf(conversationId), { from: seq, limit: 1 });
    if (recorded?.revision !== seq) return undefined;
    const event = conversationCodec.decode(recorded.type, recorded.data);
    return event.type === 'MessageSent' ? messageOf(event, seq) : undefined;
  };

  const fromView = async (conversationId: ConversationId, seq: Seq) => {
    const [message, view] = await Promise.all([
      original(conversationId, seq),
      timeline.message(conversationId, seq),
    ]);
    if (!message || !view) return undefined;
    for (const { emoji, userIds } of view.reactions) message.reactions.set(emoji, new Set(userIds));
    if (view.content) message.content = view.content;
    else message.redacted = true;
    return message;
  };

  const fromStream = async (conversationId: ConversationId, until: Seq, what: Missing) => {
    let found: MessageState | undefined;
    const begin = 'message' in what ? what.message : 0;
    for (let from = begin; from <= until; ) {
      const page = await store.read(streamOf(conversationId), { from });
      for (const { revision, type, data } of page) {
        if (revision > until) return found;
        const event = conversationCodec.decode(type, data);
        if (event.type === 'MessageSent') {
          const wanted =
            'message' in what ? revision === what.message : sendKey(event.by, event.clientId) === what.send;
          if (wanted) found = messageOf(event, revision);
        } else if (found && 'seq' in event && event.seq === found.seq) touch(found, event);
      }
      const last = page.at(-1);
      if (!last || page.length < eventLimits.pageEvents) return found;
      from = last.revision + 1;
    }
    return found;
  };

  return async (conversationId, at, what) => {
    const committedUpTo = at.marks.at(-1)?.revision ?? -1;
    // A message may have been touched until now; a send is as old as the window's beginning at least.
    const position = positionOf(at, 'message' in what ? committedUpTo : at.state.windowFrom - 1);
    if (!(await timeline.complete(conversationId, position, WAIT_MS)))
      return fromStream(conversationId, committedUpTo, what);
    if ('message' in what) return fromView(conversationId, what.message);
    const seq = await timeline.sentAs(conversationId, what.send);
    return seq === undefined ? undefined : fromView(conversationId, seq);
  };
};
