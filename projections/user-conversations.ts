import type { ConversationId, UserId } from '../domain/id.ts';
import type { Tables } from '../domain/ports/tables.ts';
import { type Membership, membershipChanges, membershipOf } from './membership.ts';
import { collect, type Projection } from './projection.ts';

/** Which conversations somebody is in. pk = userId, sk = conversationId: role, status, joinedAt, addedBy. */
export const userConversations: Projection = {
  name: 'user-conversations',
  apply: (event) =>
    membershipChanges(userConversations.name, event, (userId) => ({ pk: userId, sk: event.conversationId })),
};

export type UserConversation = Membership & { conversationId: ConversationId };

/** All that the person is a member of now. */
export const of = async (tables: Tables, userId: UserId): Promise<UserConversation[]> => {
  const items = await collect(tables, userConversations.name, userId);
  return items.flatMap((item) => {
    const membership = membershipOf(item);
    return membership ? [{ conversationId: item.sk, ...membership }] : [];
  });
};
