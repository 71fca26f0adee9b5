import { conversationMembers } from './conversation-members.ts';
import { conversations } from './conversations.ts';
import { messages } from './messages.ts';
import type { AnyProjection } from './projection.ts';
import { receipts } from './receipts.ts';
import { userConversations } from './user-conversations.ts';

/** Every read model that there is. */
export const projections: readonly AnyProjection[] = [
  messages,
  userConversations,
  conversationMembers,
  conversations,
  receipts,
];
