import { type Signal, signal } from '@preact/signals';
import type { ConversationId, Seq } from '../client/types.ts';
import type { Draft as SavedDraft, Message } from '../protocol.ts';
import { client } from './client.ts';
import { session } from './session.ts';

/** What somebody is writing: new, in reply to a message, or a message's new text. */
export type Draft = { readonly text: string; readonly replyTo?: Seq; readonly editing?: Message };

export const emptyDraft: Draft = { text: '' };

const drafts = new Map<ConversationId, Signal<Draft>>();
session.subscribe((current) => {
  if (!current) drafts.clear();
});

export const draftOf = (id: ConversationId): Signal<Draft> => {
  const found = drafts.get(id) ?? signal(emptyDraft);
  drafts.set(id, found);
  return found;
};

/** Their other devices show it too; but not what is changed of a message that is there. */
export const write = (id: ConversationId, draft: Draft): void => {
  const { editing } = draftOf(id).peek();
  draftOf(id).value = draft;
  if (draft.editing) return;
  if (!editing || draft.text !== '') client.peek()?.saveDraft(id, draft.text, draft.replyTo);
};

/** It was written on another device. */
export const onDraft = ({ conversationId, text, replyTo }: SavedDraft): void => {
  const draft = draftOf(conversationId);
  if (!draft.peek().editing) draft.value = { text, ...(replyTo !== undefined && { replyTo }) };
};
