import type { Command, Message } from '../protocol.ts';
import { submit } from './connection.ts';
import { type Conversation, catchUp, expectSeq, load } from './conversation.ts';
import { newId } from './id.ts';
import { type Pending, dropPending, pending, putPending } from './pending.ts';
import { go } from './route.ts';
import { session } from './session.ts';
import { conversationOf, me } from './store.ts';
import { toast } from './toast.ts';
import type { Content, ConversationId, Seq, UserId } from './types.ts';

/** `/me waves` is something one does. */
export const contentOf = (text: string): Content =>
  text.startsWith('/me ') && text.slice(4).trim() !== ''
    ? { kind: 'action', text: text.slice(4).trim() }
    : { kind: 'text', text };

type Draft = { readonly text: string; readonly replyTo: Seq | undefined; readonly mentions: UserId[] };

export const sendMessage = (conversation: Conversation, { text, replyTo, mentions }: Draft): void => {
  const { id: conversationId } = conversation;
  const entry: Pending = {
    conversationId,
    clientId: newId(),
    by: me.peek(),
    at: Date.now(),
    content: contentOf(text),
    replyTo,
    mentions,
    failed: undefined,
  };
  if (conversation.timeline.peek()?.after !== undefined) void load(conversation);
  conversation.anchor = 'end';
  putPending(entry);
  void deliver(entry);
};

const deliver = async (entry: Pending): Promise<void> => {
  const { conversationId, clientId, content, replyTo, mentions } = entry;
  const reply = replyTo === undefined ? {} : { replyTo };
  try {
    const { seq } = await submit(
      { type: 'SendMessage', conversationId, content, ...reply, mentions },
      clientId,
    );
    settled(conversationOf(conversationId), clientId, seq);
  } catch (error) {
    if (!pending.peek().some((candidate) => candidate.clientId === clientId)) return;
    putPending({ ...entry, failed: error instanceof Error ? error.message : String(error) });
  }
};

/** It is durable. Its event comes by itself, normally at once; when it does not, it is fetched. */
const settled = (conversation: Conversation, clientId: string, seq: Seq) => {
  const here = () => (conversation.timeline.peek()?.lastSeq ?? seq) >= seq;
  if (here()) return dropPending(clientId);
  setTimeout(() => {
    const fetched = here() ? Promise.resolve() : catchUp(conversation);
    void fetched.then(() => dropPending(clientId));
  }, 1_000);
};

/** The same message under the same id: it can't be there twice. */
export const retry = (clientId: string): void => {
  const entry = pending.peek().find((candidate) => candidate.clientId === clientId);
  if (!entry) return;
  putPending({ ...entry, failed: undefined });
  void deliver({ ...entry, failed: undefined });
};

/** Does it and says when it could not be done; true when it was. */
export const perform = async (command: Command): Promise<boolean> => {
  try {
    await submit(command);
    return true;
  } catch (error) {
    if (session.peek()) toast(error);
    return false;
  }
};

export const toggleReaction = (
  conversationId: ConversationId,
  { seq, reactions }: Message,
  emoji: string,
) => {
  const mine = reactions.find((reaction) => reaction.emoji === emoji)?.userIds.includes(me.peek()) ?? false;
  return perform({ type: mine ? 'RemoveReaction' : 'AddReaction', conversationId, seq, emoji });
};

/** Starts it, or finds it, and goes there. */
export const startConversation = async (command: Command): Promise<void> => {
  const { conversationId, seq } = await submit(command);
  expectSeq(conversationOf(conversationId), seq);
  go(conversationId);
};
