import type { Role } from '../domain/conversation-event.ts';
import type { ConversationId, UserId } from '../domain/id.ts';
import type { Tables } from '../domain/ports/tables.ts';
import { type Membership, membershipChanges, membershipOf } from './membership.ts';
import { collect, type Projection } from './projection.ts';

/** Who is in a conversation. pk = conversationId, sk = userId: role, status, joinedAt, addedBy. */
export const conversationMembers: Projection = {
  name: 'conversation-members',
  apply: (event) =>
    membershipChanges(conversationMembers.name, event, (userId) => ({
      pk: event.conversationId,
      sk: userId,
    })),
};

export type Member = Membership & { userId: UserId };

/** The members of now, in the order of their ids. */
export const list = async (tables: Tables, conversationId: ConversationId): Promise<Member[]> => {
  const items = await collect(tables, conversationMembers.name, conversationId);
  return items.flatMap((item) => {
    const membership = membershipOf(item);
    return membership ? [{ userId: item.sk, ...membership }] : [];
  });
};

/** Undefined for somebody who is no member, or no longer. */
export const roleOf = async (
  tables: Tables,
  conversationId: ConversationId,
  userId: UserId,
): Promise<Role | undefined> => {
  const [item] = await tables.get(conversationMembers.name, [{ pk: conversationId, sk: userId }]);
  return membershipOf(item)?.role;
};
