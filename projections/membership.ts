import type { Role } from '../domain/conversation-event.ts';
import type { Timestamp, UserId } from '../domain/id.ts';
import type { Change, Item, Key } from '../domain/ports/tables.ts';
import type { Sequenced } from './projection.ts';

/** Somebody's part in a conversation. Whoever was banned without ever having been a member has none. */
export type Membership = { role: Role; joinedAt: Timestamp; addedBy: UserId };

/** What an event does to a membership, kept under `key`: the same attributes whether a conversation's or a person's. */
export const membershipChanges = (
  table: string,
  { event, seq }: Sequenced,
  key: (userId: UserId) => Key,
): readonly Change[] => {
  const become = (userId: UserId, set: Readonly<Record<string, string>>): readonly Change[] => [
    { op: 'update', table, key: key(userId), revision: seq, set },
  ];
  switch (event.type) {
    case 'MemberJoined': {
      const { role, at, by } = event;
      return [
        {
          op: 'put',
          table,
          item: { ...key(event.userId), revision: seq, role, status: 'member', joinedAt: at, addedBy: by },
        },
      ];
    }
    case 'MemberRoleChanged':
      return become(event.userId, { role: event.role });
    case 'MemberLeft':
      return become(event.userId, { status: 'left' });
    case 'MemberBanned':
      return become(event.userId, { status: 'banned' });
    case 'MemberRemoved':
    case 'MemberUnbanned':
      return become(event.userId, { status: 'removed' });
    default:
      return [];
  }
};

/** Undefined for somebody who is no member, or no longer. */
export const membershipOf = (item: Item | undefined): Membership | undefined =>
  item?.['status'] === 'member'
    ? {
        role: item['role'] as Role,
        joinedAt: item['joinedAt'] as Timestamp,
        addedBy: item['addedBy'] as UserId,
      }
    : undefined;
