import type { Role } from '../domain/conversation-event.ts';
import type { Seq, Timestamp, UserId } from '../domain/id.ts';
import { type Change, type Item, type Key, sortable } from '../domain/ports/tables.ts';
import type { Sequenced } from './projection.ts';

/** Somebody's part in a conversation. Whoever was banned without ever having been a member has none. */
export type Membership = { role: Role; joinedAt: Timestamp; joinedSeq: Seq; addedBy: UserId };

/**
 * What an event does to a membership, kept under `key`: the same attributes whether a conversation's or a person's. The set
 * `leavings` has `<sortable seq> <position>` of the events that may have ended it: the first of them did, since who has gone
 * can still be banned.
 */
export const membershipChanges = (
  table: string,
  { event, seq, position }: Sequenced,
  key: (userId: UserId) => Key,
): readonly Change[] => {
  const become = (userId: UserId, set: Readonly<Record<string, string>>): readonly Change[] => [
    { op: 'update', table, key: key(userId), revision: seq, set },
  ];
  const leave = (userId: UserId, status: string): readonly Change[] => {
    const include = { leavings: `${sortable(seq)} ${position}` };
    return [{ op: 'update', table, key: key(userId), revision: seq, set: { status }, include }];
  };
  switch (event.type) {
    case 'MemberJoined': {
      const { role, at: joinedAt, by: addedBy } = event;
      const joined = { role, status: 'member', joinedAt, joinedSeq: seq, addedBy };
      return [{ op: 'put', table, item: { ...key(event.userId), revision: seq, ...joined } }];
    }
    case 'MemberRoleChanged':
      return become(event.userId, { role: event.role });
    case 'MemberLeft':
      return leave(event.userId, 'left');
    case 'MemberBanned':
      return leave(event.userId, 'banned');
    case 'MemberRemoved':
      return leave(event.userId, 'removed');
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
        // Rows that were written before there was this count everything as after the joining.
        joinedSeq: (item['joinedSeq'] ?? 0) as Seq,
        addedBy: item['addedBy'] as UserId,
      }
    : undefined;

export type Leaving = { readonly seq: Seq; readonly position: string };

/** The event that ended it; undefined while it lasts. */
export const leavingOf = (item: Item): Leaving | undefined => {
  const [seq, position] = ((item['leavings'] as readonly string[] | undefined)?.[0] ?? '').split(' ');
  return item['status'] === 'member' || position === undefined ? undefined : { seq: Number(seq), position };
};
