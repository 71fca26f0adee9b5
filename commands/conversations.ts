import { setImmediate as nextTurn } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { conversationCodec } from '../domain/codec.ts';
import { type ConversationState, evolve, forget, initial } from '../domain/conversation-state.ts';
import { type ConversationId, type Seq, streamOf } from '../domain/id.ts';
import {
  type Appended,
  type EventStore,
  NO_STREAM,
  START,
  eventLimits,
} from '../domain/ports/event-store.ts';

/** A folded stream, and the log's positions of some of its revisions, oldest first. */
export type Conversation = { readonly state: ConversationState; readonly marks: Appended[] };

/** The states that decisions are made from: a cache of what the streams say. */
export type Conversations = {
  get(conversationId: ConversationId): Promise<Conversation>;
  /** Also to be called when a kept one has grown. */
  keep(conversationId: ConversationId, conversation: Conversation): void;
  /** The stream may have gone on: what it has more is read before the state is given again. */
  doubt(conversationId: ConversationId, conversation: Conversation): void;
  /** The state is not, or no longer, what the stream says. */
  drop(conversationId: ConversationId): void;
};

const MARKS = 1024;

export const createConversations = (store: EventStore, maxBytes = 128 * 1024 * 1024): Conversations => {
  const cache = new LRUCache<ConversationId, Conversation>({ maxSize: maxBytes, sizeCalculation: sizeOf });
  const doubtful = new WeakSet<Conversation>();
  const keep = (conversationId: ConversationId, conversation: Conversation) => {
    cache.delete(conversationId); // it weighs only what it doesn't hold yet
    // Otherwise made-up ids would push real conversations out.
    if (conversation.state.revision > NO_STREAM) cache.set(conversationId, conversation);
  };
  const load = async (conversationId: ConversationId, kept: Conversation | undefined) => {
    const conversation = kept ?? { state: initial(), marks: [] };
    await readOn(store, conversationId, conversation);
    doubtful.delete(conversation);
    // Another one that was kept meanwhile has been worked with since.
    const now = cache.peek(conversationId);
    if (!now || now === conversation) keep(conversationId, conversation);
    return conversation;
  };
  // What two read on at once would be folded twice.
  const loading = new Map<ConversationId, Promise<Conversation>>();
  return {
    get: (conversationId) => {
      const kept = cache.get(conversationId);
      if (kept && !doubtful.has(kept)) return Promise.resolve(kept);
      const begun = loading.get(conversationId);
      if (begun) return begun;
      const loaded = load(conversationId, kept).finally(() => loading.delete(conversationId));
      loading.set(conversationId, loaded);
      return loaded;
    },
    keep,
    doubt: (conversationId, conversation) => {
      doubtful.add(conversation);
      keep(conversationId, conversation);
    },
    drop: (conversationId) => cache.delete(conversationId),
  };
};

/** Folds what the stream has after the state. */
const readOn = async (
  store: EventStore,
  conversationId: ConversationId,
  conversation: Conversation,
): Promise<void> => {
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
    if (page.length < eventLimits.pageEvents) return;
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
  let [from, to] = [0, marks.length];
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    if ((marks[middle]?.revision ?? 0) < revision) from = middle + 1;
    else to = middle;
  }
  return (marks[from] ?? marks.at(-1))?.position ?? START;
};

const sizeOf = ({ state, marks }: Conversation): number =>
  2_000 +
  150 * (state.members.size + state.banned.size + state.former.size + marks.length) +
  600 * state.messages.size +
  2 * state.windowBytes;
