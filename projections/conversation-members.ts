import { conversationStreams } from '../domain/codec.ts';
import type { ConversationId, UserId } from '../domain/id.ts';
import type { Tables } from '../domain/ports/tables.ts';
import { type Membership, membershipChanges, membershipOf } from './membership.ts';
import { collect, type Projection } from './projection.ts';

/** Who is in a conversation. pk = conversationId, sk = userId: role, status, joinedAt, joinedSeq, addedBy. */
export const conversationMembers: Projection = {
  name: 'conversation-members',
  streams: conversationStreams,
  apply: (event) =>
    membershipChanges(conversationMembers.name, event, (userId) => ({
      pk: event.conversationId,
      sk: userId,
    })),
};

export type Member = Omit<Membership, 'joinedSeq'> & { userId: UserId };

/** The members of now, in the order of their ids. */
export const list = async (tables: Tables, conversationId: ConversationId): Promise<Member[]> => {
  const items = await collect(tables, conversationMembers.name, conversationId);
  return items.flatMap((item) => {
    const membership = membershipOf(item);
    if (!membership) return [];
    const { joinedSeq: _, ...shown } = membership;
    return [{ userId: item.sk, ...shown }];
  });
};

/** Undefined for somebody who is no member, or no longer. */
export const membershipIn = async (
  tables: Tables,
  conversationId: ConversationId,
  userId: UserId,
): Promise<Membership | undefined> => {
  const [item] = await tables.get(conversationMembers.name, [{ pk: conversationId, sk: userId }]);
  return membershipOf(item);
};
