import type { ConversationSummary, Message, SequencedEvent } from '../protocol.ts';

export type Seq = Message['seq'];
export type UserId = Message['by'];
export type ConversationId = ConversationSummary['conversationId'];
export type ConversationEvent = SequencedEvent['event'];
export type Content = NonNullable<Message['content']>;
export type Role = ConversationSummary['role'];
