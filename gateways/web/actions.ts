import { CommandFailed } from '../client/outbox.ts';
import type { Outgoing } from '../client/options.ts';
import type { Content, ConversationId, Seq, UserId } from '../client/types.ts';
import type { Command, Message } from '../protocol.ts';
import { client, submit } from './client.ts';
import { type Conversation, catchUp, expectSeq, load } from './conversation.ts';
import { dropPending, putPending } from './pending.ts';
import { go } from './route.ts';
import { session } from './session.ts';
import { conversationOf, me } from './store.ts';
import { toast } from './toast.ts';

/** `/me waves` is something one does. */
export const contentOf = (text: string): Content =>
  text.startsWith('/me ') && text.slice(4).trim() !== ''
    ? { kind: 'action', text: text.slice(4).trim() }
    : { kind: 'text', text };

type Draft = { readonly text: string; readonly replyTo: Seq | undefined; readonly mentions: UserId[] };

export const sendMessage = (conversation: Conversation, { text, replyTo, mentions }: Draft): void => {
  if (conversation.timeline.peek()?.after !== undefined) void load(conversation);
  conversation.anchor = 'end';
  const reply = replyTo === undefined ? {} : { replyTo };
  const content = contentOf(text);
  submit({ type: 'SendMessage', conversationId: conversation.id, content, ...reply, mentions }).catch(
    (error: unknown) => {
      // Anything else is shown where the message stands.
      if (error instanceof CommandFailed && error.code === 'outbox_full') toast(error);
    },
  );
};

/** Messages on their way, also those that were there before the reload. */
export const onOutgoing = (message: Outgoing): void => {
  const { id, command, state, seq } = message;
  if (state === 'sent' && seq !== undefined) settled(conversationOf(command.conversationId), id, seq);
  else if (state === 'dropped') dropPending(id);
  else putPending(me.peek(), message);
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
export const retry = (clientId: string): void => client.peek()?.retry(clientId);

export const discard = (clientId: string): void => client.peek()?.drop(clientId);

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
