import { setImmediate as nextTurn } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { conversationCodec } from '../domain/codec.ts';
import type { Content } from '../domain/conversation-event.ts';
import { type MessageState, type Missing, messageOf, sendKey, touch } from '../domain/conversation-state.ts';
import { type ConversationId, type Seq, type UserId, streamOf } from '../domain/id.ts';
import { type EventStore, eventLimits } from '../domain/ports/event-store.ts';
import { type Conversation, positionOf } from './conversations.ts';

/** What the timeline's read model knows of a message. */
export type KnownMessage = {
  readonly content?: Content | undefined;
  readonly mentions: readonly UserId[];
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
/** A view that was waited for in vain is not waited for again before this time has passed. */
const IMPATIENCE_MS = 10_000;
/** Sends remembered of streams that were read for want of a view: about 100 bytes each. */
const SENDS = 500_000;

/** The sends of a stream's events before `next`. */
type Sends = { next: Seq; readonly seqs: Map<string, Seq> };

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
    message.mentions = view.mentions;
    if (view.content) message.content = view.content;
    else message.redacted = true;
    return message;
  };

  const remembered = new LRUCache<ConversationId, Sends>({
    maxSize: SENDS,
    sizeCalculation: ({ seqs }) => seqs.size + 1,
  });

  /** Every new message of a long conversation is looked up, so that the stream must not be read for each of them. */
  const sentInStream = async (conversationId: ConversationId, until: Seq, key: string) => {
    const sends = remembered.get(conversationId) ?? { next: 0, seqs: new Map<string, Seq>() };
    for await (const { revision, event } of events(conversationId, sends.next, until)) {
      if (event.type === 'MessageSent') sends.seqs.set(sendKey(event.by, event.clientId), revision);
      sends.next = revision + 1;
    }
    remembered.delete(conversationId); // it weighs only what it doesn't hold yet
    remembered.set(conversationId, sends);
    return sends.seqs.get(key);
  };

  const messageInStream = async (conversationId: ConversationId, until: Seq, seq: Seq) => {
    let found: MessageState | undefined;
    for await (const { revision, event } of events(conversationId, seq, until)) {
      if (revision === seq) {
        if (event.type !== 'MessageSent') return undefined;
        found = messageOf(event, seq);
      } else if (found && 'seq' in event && event.seq === seq) touch(found, event);
    }
    return found;
  };

  async function* events(conversationId: ConversationId, first: Seq, until: Seq) {
    for (let from = first; from <= until; ) {
      const page = await store.read(streamOf(conversationId), { from });
      for (const { revision, type, data } of page) {
        if (revision > until) return;
        yield { revision, event: conversationCodec.decode(type, data) };
      }
      const last = page.at(-1);
      if (!last || page.length < eventLimits.pageEvents) return;
      from = last.revision + 1;
      await nextTurn(); // others get their turn between the pages of a long conversation
    }
  }

  const impatient = new LRUCache<ConversationId, true>({ max: 10_000, ttl: IMPATIENCE_MS });
  const isComplete = async (conversationId: ConversationId, position: string): Promise<boolean> => {
    const complete = await timeline.complete(
      conversationId,
      position,
      impatient.has(conversationId) ? 0 : WAIT_MS,
    );
    if (!complete) impatient.set(conversationId, true);
    return complete;
  };

  /** A view that can't be read at the moment is no reason to refuse a command. */
  const fromTimeline = async (conversationId: ConversationId, position: string, what: Missing) => {
    try {
      if (!(await isComplete(conversationId, position))) return 'unknown';
      const seq = 'message' in what ? what.message : await timeline.sentAs(conversationId, what.send);
      return seq === undefined ? undefined : await fromView(conversationId, seq);
    } catch {
      return 'unknown';
    }
  };

  return async (conversationId, at, what) => {
    const committedUpTo = at.marks.at(-1)?.revision ?? -1;
    // A message may have been touched until now; a send is as old as the window's beginning at least.
    const position = positionOf(at, 'message' in what ? committedUpTo : at.state.windowFrom - 1);
    const found = await fromTimeline(conversationId, position, what);
    if (found !== 'unknown') return found;
    const seq =
      'message' in what ? what.message : await sentInStream(conversationId, committedUpTo, what.send);
    return seq === undefined ? undefined : messageInStream(conversationId, committedUpTo, seq);
  };
};
