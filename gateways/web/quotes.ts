import { type Signal, signal } from '@preact/signals';
import type { Message } from '../protocol.ts';
import { api } from './api.ts';
import type { Conversation } from './conversation.ts';
import { indexOf } from './fold.ts';
import type { ConversationId, Seq } from './types.ts';

const MOST = 500;
const fetched = new Map<string, Signal<Message | undefined>>();

const fetchMessage = (id: ConversationId, seq: Seq): Signal<Message | undefined> => {
  const key = `${id}/${seq}`;
  const found = fetched.get(key);
  if (found) return found;
  const fresh = signal<Message | undefined>(undefined);
  fetched.set(key, fresh);
  for (const oldest of fetched.keys()) {
    if (fetched.size <= MOST) break;
    fetched.delete(oldest);
  }
  api.message(id, seq).then(
    (message) => {
      fresh.value = message;
    },
    () => fetched.delete(key),
  );
  return fresh;
};

/** A message to show beside the timeline: from it when it is there, else read once; undefined meanwhile. */
export const quoted = ({ id, timeline }: Conversation, seq: Seq): Message | undefined => {
  const items = timeline.value?.items ?? [];
  const found = items[indexOf(items, seq)];
  return found?.kind === 'message' ? found : fetchMessage(id, seq).value;
};

/** A message in a line. */
export const summaryOf = (message: Message | undefined): string => {
  if (!message) return '…';
  return message.content?.text.replaceAll(/\s+/g, ' ').slice(0, 200) ?? 'Message deleted';
};
