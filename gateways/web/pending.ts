import { signal } from '@preact/signals';
import type { SequencedEvent } from '../protocol.ts';
import type { Content, ConversationId, Seq, UserId } from './types.ts';

/** A message that is on its way: shown at the end of its conversation until its event comes back. */
export type Pending = {
  readonly conversationId: ConversationId;
  readonly clientId: string;
  readonly by: UserId;
  readonly at: number;
  readonly content: Content;
  readonly replyTo: Seq | undefined;
  readonly mentions: UserId[];
  /** Why it was not sent. */
  readonly failed: string | undefined;
};

export const pending = signal<readonly Pending[]>([]);

export const putPending = (entry: Pending): void => {
  const { value } = pending;
  const at = value.findIndex(({ clientId }) => clientId === entry.clientId);
  pending.value = at < 0 ? [...value, entry] : value.with(at, entry);
};

export const dropPending = (clientId: string): void => {
  pending.value = pending.value.filter((entry) => entry.clientId !== clientId);
};

/** These events came back: what they brought is no longer pending. */
export const confirm = (events: readonly SequencedEvent[]): void => {
  const { value } = pending;
  if (value.length === 0) return;
  const came = new Set<string>();
  for (const { event } of events) if (event.type === 'MessageSent') came.add(`${event.by}/${event.clientId}`);
  if (value.some(({ by, clientId }) => came.has(`${by}/${clientId}`))) {
    pending.value = value.filter(({ by, clientId }) => !came.has(`${by}/${clientId}`));
  }
};
