import { signal } from '@preact/signals';
import type { Content, ConversationId, Seq, UserId } from '../client/types.ts';
import type { Outgoing } from '../client/options.ts';
import type { SequencedEvent } from '../protocol.ts';

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

export const putPending = (by: UserId, { id: clientId, at, command, failure }: Outgoing): void => {
  const { conversationId, content, replyTo, mentions } = command;
  const failed = failure?.message;
  const entry: Pending = { conversationId, clientId, by, at, content, replyTo, mentions, failed };
  const { value } = pending;
  const index = value.findIndex((one) => one.clientId === clientId);
  pending.value = index < 0 ? [...value, entry] : value.with(index, entry);
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
