import { type Signal, signal } from '@preact/signals';
import type { Message } from '../protocol.ts';
import { session } from './session.ts';
import type { ConversationId } from './types.ts';

/** What somebody is writing: new, in reply to a message, or a message's new text. */
export type Draft = { readonly text: string; readonly replyTo?: Message; readonly editing?: Message };

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
