import { setImmediate as nextTurn } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { conversationCodec } from '../domain/codec.ts';
import { type ConversationState, evolve, forget, initial } from '../domain/conversation-state.ts';
import { type ConversationId, type Seq, streamOf } from '../domain/id.ts';
import { type Appended, type EventStore, START, eventLimits } from '../domain/ports/event-store.ts';

/** A folded stream, and the log's positions of some of its revisions, oldest first. */
export type Conversation = { readonly state: ConversationState; readonly marks: Appended[] };

/** The states that decisions are made from. A cache: dropped whenever in doubt, and folded again from the stream. */
export type Conversations = {
  get(conversationId: ConversationId): Promise<Conversation>;
  keep(conversationId: ConversationId, conversation: Conversation): void;
  drop(conversationId: ConversationId): void;
};

const MARKS = 1024;

export const createConversations = (store: EventStore, maxBytes = 128 * 1024 * 1024): Conversations => {
  const cache = new LRUCache<ConversationId, Conversation>({ maxSize: maxBytes, sizeCalculation: sizeOf });
  return {
    get: async (conversationId) => cache.get(conversationId) ?? load(store, conversationId),
    keep: (conversationId, conversation) => cache.set(conversationId, conversation),
    drop: (conversationId) => cache.delete(conversationId),
  };
};

const load = async (store: EventStore, conversationId: ConversationId): Promise<Conversation> => {
  const conversation: Conversation = { state: initial(), marks: [] };
  const { state } = conversation;
  for (;;) {
    const page = await store.read(streamOf(conversationId), { from: state.revision + 1 });
    for (const { revision, type, data } of page) {
      // After a truncation the stream begins later.
      state.revision = revision - 1;
      evolve(state, conversationCodec.decode(type, data));
    }
    forget(state);
    const last = page.at(-1);
    if (last) committed(conversation, last);
    if (page.length < eventLimits.pageEvents) return conversation;
    await nextTurn(); // others get their turn between the pages of a long conversation
  }
};

/** Notes where in the log the conversation is now. */
export const committed = ({ marks }: Conversation, { revision, position }: Appended): void => {
  marks.push({ revision, position });
  if (marks.length > 2 * MARKS) marks.splice(0, MARKS);
};

/** A position of the log at or after that of this revision. */
export const positionOf = ({ marks }: Conversation, revision: Seq): string => {
  const mark = marks.find((candidate) => candidate.revision >= revision) ?? marks.at(-1);
  return mark?.position ?? START;
};

const sizeOf = ({ state, marks }: Conversation): number =>
  2_000 +
  150 * (state.members.size + state.banned.size + marks.length) +
  600 * state.messages.size +
  2 * state.windowBytes;
