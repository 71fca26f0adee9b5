import { conversationMembers } from './conversation-members.ts';
import { conversations } from './conversations.ts';
import { messages } from './messages.ts';
import type { Projection } from './projection.ts';
import { userConversations } from './user-conversations.ts';

/** Every read model that there is. */
export const projections: readonly Projection[] = [
  messages,
  userConversations,
  conversationMembers,
  conversations,
];
