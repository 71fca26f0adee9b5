import { conversationStreams } from '../domain/codec.ts';
import type { ConversationId, UserId } from '../domain/id.ts';
import type { Tables } from '../domain/ports/tables.ts';
import { type Leaving, leavingOf, type Membership, membershipChanges, membershipOf } from './membership.ts';
import { collect, type Projection } from './projection.ts';

/** Which conversations somebody is in. pk = userId, sk = conversationId: role, status, joinedAt, joinedSeq, addedBy, leavings?. */
export const userConversations: Projection = {
  name: 'user-conversations',
  streams: conversationStreams,
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

/** All that the person is a member of now, and those that ended after a position of the log. */
export const since = async (
  tables: Tables,
  userId: UserId,
  position: string,
): Promise<{ present: ConversationId[]; left: (Leaving & { conversationId: ConversationId })[] }> => {
  const items = await collect(tables, userConversations.name, userId);
  return {
    present: items.flatMap((item) => (membershipOf(item) ? [item.sk] : [])),
    left: items.flatMap((item) => {
      const leaving = leavingOf(item);
      return leaving && leaving.position > position ? [{ conversationId: item.sk, ...leaving }] : [];
    }),
  };
};
