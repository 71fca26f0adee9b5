import type { ConversationDetail, ConversationSummary, SequencedEvent, UNREAD_COUNTED } from '../protocol.ts';
import { touch } from './fold.ts';
import type { ConversationEvent, Seq, UserId } from './types.ts';

const MOST: typeof UNREAD_COUNTED = 1000;

/**
 * A conversation's entry in the list after an event. undefined: you are no longer in it; 'read it': events before it are
 * missing, or what it changes can't be told from here.
 */
export const foldSummary = (
  summary: ConversationSummary,
  { seq, event }: SequencedEvent,
  me: UserId,
): ConversationSummary | 'read it' | undefined => {
  if (seq <= summary.lastSeq) return summary;
  if (seq > summary.lastSeq + 1) return 'read it';
  const next = { ...summary, lastSeq: seq };
  switch (event.type) {
    case 'MessageSent': {
      const { by, at, clientId, content, mentions } = event;
      const said = { seq, by, at, clientId, content, mentions, reactions: [] };
      return {
        ...unreadAfter(next, seq, event, me),
        lastActivityAt: at,
        lastMessage: { kind: 'message', ...said },
      };
    }
    case 'ConversationRenamed':
      return { ...next, title: event.title };
    case 'TopicChanged':
      return { ...next, topic: event.topic };
    case 'MemberJoined':
    case 'MemberRoleChanged':
      return event.userId === me ? { ...next, role: event.role } : next;
    case 'MemberLeft':
    case 'MemberRemoved':
    case 'MemberBanned':
      return event.userId === me ? undefined : next;
    default: {
      if (mayMention(summary, event, me)) return 'read it';
      const last = summary.lastMessage;
      if (!last || !('seq' in event) || event.seq !== last.seq) return next;
      return { ...next, lastMessage: touch(last, event) };
    }
  }
};

const unreadAfter = (
  summary: ConversationSummary,
  seq: Seq,
  { by, mentions }: Extract<ConversationEvent, { type: 'MessageSent' }>,
  me: UserId,
): ConversationSummary => {
  // One may have read it on another device before it came here.
  if (by === me || seq <= (summary.read ?? -1)) return summary;
  const more = (count: number, by: boolean) => (by ? Math.min(MOST, count + 1) : count);
  return {
    ...summary,
    unread: more(summary.unread, true),
    mentions: more(summary.mentions, mentions.includes(me)),
  };
};

/** Whether an unread message mentions one more or less now: what it was before is not known here. */
const mayMention = (
  { read, unread, mentions }: ConversationSummary,
  event: ConversationEvent,
  me: UserId,
) => {
  if (event.type !== 'MessageEdited' && event.type !== 'MessageRedacted') return false;
  if (unread === 0 || event.seq <= (read ?? -1)) return false;
  return mentions > 0 || (event.type === 'MessageEdited' && event.by !== me && event.mentions.includes(me));
};

/** The entry after one's own mark has moved. 'read it': some messages are still unread, how many is not known here. */
export const foldMarked = (
  summary: ConversationSummary,
  read: Seq | undefined,
): ConversationSummary | 'read it' => {
  if (read === undefined || read <= (summary.read ?? -1)) return summary;
  if (read < (summary.lastMessage?.seq ?? -1) && summary.unread > 0) return 'read it';
  return { ...summary, read, unread: 0, mentions: 0 };
};

/** Members and pins after an event that is next. */
export const foldDetail = (
  detail: ConversationDetail,
  seq: Seq,
  event: ConversationEvent,
): ConversationDetail => {
  const without = (userId: UserId) => detail.members.filter((member) => member.userId !== userId);
  switch (event.type) {
    case 'MemberJoined': {
      const { userId, role, at: joinedAt, by: addedBy } = event;
      return { ...detail, lastSeq: seq, members: [...without(userId), { userId, role, joinedAt, addedBy }] };
    }
    case 'MemberLeft':
    case 'MemberRemoved':
    case 'MemberBanned':
      return { ...detail, lastSeq: seq, members: without(event.userId) };
    case 'MemberRoleChanged': {
      const { userId, role } = event;
      const members = detail.members.map((member) =>
        member.userId === userId ? { ...member, role } : member,
      );
      return { ...detail, lastSeq: seq, members };
    }
    case 'MessagePinned':
      return {
        ...detail,
        lastSeq: seq,
        pins: [...detail.pins.filter((pin) => pin !== event.seq), event.seq],
      };
    case 'MessageUnpinned':
    case 'MessageRedacted':
      return { ...detail, lastSeq: seq, pins: detail.pins.filter((pin) => pin !== event.seq) };
    default:
      return { ...detail, lastSeq: seq };
  }
};
