import type { ConversationDetail, ConversationSummary, SequencedEvent } from '../protocol.ts';
import { touch } from './fold.ts';
import type { ConversationEvent, Seq, UserId } from './types.ts';

/**
 * A conversation's entry in the list after an event. undefined: you are no longer in it; 'gap': events before it are
 * missing, so the entry must be read again.
 */
export const foldSummary = (
  summary: ConversationSummary,
  { seq, event }: SequencedEvent,
  me: UserId,
): ConversationSummary | 'gap' | undefined => {
  if (seq <= summary.lastSeq) return summary;
  if (seq > summary.lastSeq + 1) return 'gap';
  const next = { ...summary, lastSeq: seq };
  switch (event.type) {
    case 'MessageSent': {
      const { by, at, clientId, content, mentions } = event;
      const said = { seq, by, at, clientId, content, mentions, reactions: [] };
      return { ...next, lastActivityAt: at, lastMessage: { kind: 'message', ...said } };
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
      const last = summary.lastMessage;
      if (!last || !('seq' in event) || event.seq !== last.seq) return next;
      return { ...next, lastMessage: touch(last, event) };
    }
  }
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
