import type { CommandOf, ConversationCommand } from './conversation-command.ts';
import type { Content, ConversationEvent, Role } from './conversation-event.ts';
import {
  type ConversationState,
  type MessageState,
  known,
  sendKey,
  sentBefore,
} from './conversation-state.ts';
import { SYSTEM, type Seq, type UserId } from './id.ts';
import { limits } from './limits.ts';
import { type Rejection, reject } from './rejection.ts';

/** What happens. `seq` is there when the answer names an earlier event: the repeat of a message that was sent. */
export type Accepted = { readonly events: readonly ConversationEvent[]; readonly seq?: Seq };
export type Decision = Accepted | Rejection;

const nothing: Accepted = { events: [] };

export const decide = (state: ConversationState, command: ConversationCommand): Decision => {
  const { by, at } = command;
  if (command.type === 'StartDirect') return startDirect(state, command);
  if (command.type === 'CreateGroup') return createGroup(state, command);
  if (command.type === 'SendMessage') {
    const repeated = repeat(state, command);
    if (repeated) return repeated;
  }
  const role = by === SYSTEM ? 'owner' : state.members.get(by);
  // Who has left already may say so again.
  if (command.type === 'LeaveConversation' && role === undefined && state.former.has(by)) return nothing;
  if (state.kind === 'none' || role === undefined) {
    return reject('conversation_not_found', 'there is no such conversation among yours');
  }
  switch (command.type) {
    case 'AddMembers':
      return state.kind === 'direct' ? fixed() : addMembers(state, command, role);
    case 'LeaveConversation':
      return state.kind === 'direct' ? fixed() : leave(state, command);
    case 'RemoveMember':
    case 'BanMember':
    case 'UnbanMember':
    case 'ChangeRole':
      return state.kind === 'direct' ? fixed() : moderate(state, command, role);
    case 'RenameConversation':
      if (state.kind === 'direct') return fixed();
      if (role === 'member') return reject('not_allowed', 'only an owner or an admin renames a group');
      if (state.title === command.title) return nothing;
      return { events: [{ type: 'ConversationRenamed', by, at, title: command.title }] };
    case 'SetTopic':
      if (state.kind === 'direct') return fixed();
      if (role === 'member') return reject('not_allowed', 'only an owner or an admin sets the topic');
      if (state.topic === command.topic) return nothing;
      return { events: [{ type: 'TopicChanged', by, at, topic: command.topic }] };
    case 'SendMessage':
      return send(state, command);
    case 'UnpinMessage':
      return state.pins.has(command.seq)
        ? { events: [{ type: 'MessageUnpinned', by, at, seq: command.seq }] }
        : nothing;
    case 'EditMessage':
    case 'RedactMessage':
    case 'AddReaction':
    case 'RemoveReaction':
    case 'PinMessage':
      return onMessage(state, command, role);
  }
};

const fixed = () =>
  reject('direct_is_fixed', 'a direct conversation keeps its two people and has no title, topic or roles');

const startDirect = (
  state: ConversationState,
  { by, at, with: other }: CommandOf<'StartDirect'>,
): Decision => {
  if (by === other) return reject('direct_with_self', 'a direct conversation needs somebody else');
  if (state.kind !== 'none') return nothing;
  return {
    events: [
      { type: 'ConversationCreated', by, at, kind: 'direct', people: [by, other] },
      { type: 'MemberJoined', by, at, userId: by, role: 'member' },
      { type: 'MemberJoined', by, at, userId: other, role: 'member' },
    ],
  };
};

const createGroup = (state: ConversationState, command: CommandOf<'CreateGroup'>): Decision => {
  const { by, at, title, topic } = command;
  if (state.kind !== 'none') {
    return state.createdTitle === title
      ? nothing
      : reject('client_id_reused', 'this id created a group with another title');
  }
  const others = new Set(command.members.filter((userId) => userId !== by));
  const size = others.size + (by === SYSTEM ? 0 : 1);
  if (size > limits.members) return full(size);
  return {
    events: [
      { type: 'ConversationCreated', by, at, kind: 'group', title, ...(topic && { topic }) },
      ...(by === SYSTEM ? [] : [{ type: 'MemberJoined', by, at, userId: by, role: 'owner' } as const]),
      ...[...others].map((userId) => ({ type: 'MemberJoined', by, at, userId, role: 'member' }) as const),
    ],
  };
};

const full = (size: number) =>
  reject('too_many_members', `a conversation has at most ${limits.members} members, not ${size}`);

const addMembers = (state: ConversationState, command: CommandOf<'AddMembers'>, role: Role): Decision => {
  const { by, at } = command;
  const as = command.role ?? 'member';
  if (as !== 'member' && role !== 'owner') return reject('not_allowed', 'only an owner gives roles');
  const fresh = [...new Set(command.userIds)].filter((userId) => !state.members.has(userId));
  const banned = fresh.find((userId) => state.banned.has(userId));
  if (banned) return reject('member_banned', `${banned} is banned; lift the ban first`);
  const size = state.members.size + fresh.length;
  if (fresh.length > 0 && size > limits.members) return full(size);
  return { events: fresh.map((userId) => ({ type: 'MemberJoined', by, at, userId, role: as })) };
};

/** When the last owner leaves, the oldest admin becomes owner, or else the oldest member. */
const leave = (state: ConversationState, { by, at }: CommandOf<'LeaveConversation'>): Decision => {
  const left = { type: 'MemberLeft', by, at, userId: by } as const;
  if (by === SYSTEM) return nothing;
  const others = [...state.members].filter(([userId]) => userId !== by);
  const owned = state.members.get(by) !== 'owner' || others.some(([, role]) => role === 'owner');
  const heir = owned ? undefined : (others.find(([, role]) => role === 'admin') ?? others[0]);
  if (!heir) return { events: [left] };
  return { events: [{ type: 'MemberRoleChanged', by: SYSTEM, at, userId: heir[0], role: 'owner' }, left] };
};

const rank: Record<Role, number> = { member: 0, admin: 1, owner: 2 };

type Moderation = CommandOf<'RemoveMember' | 'BanMember' | 'UnbanMember' | 'ChangeRole'>;

/** Owners may do everything to everybody else, admins to members. */
const moderate = (state: ConversationState, command: Moderation, role: Role): Decision => {
  const { by, at, userId } = command;
  const target = state.members.get(userId);
  if (role === 'member') return reject('not_allowed', 'only an owner or an admin does that');
  if (userId === by) return reject('not_allowed', 'not to yourself; leave instead');
  if (role !== 'owner' && target !== undefined && rank[target] >= rank[role]) {
    return reject('not_allowed', `an admin can't do that to an ${target}`);
  }
  switch (command.type) {
    case 'RemoveMember':
      return { events: target === undefined ? [] : [{ type: 'MemberRemoved', by, at, userId }] };
    case 'BanMember':
      if (state.banned.has(userId)) return nothing;
      if (state.banned.size >= limits.bans)
        return reject('too_many_bans', `at most ${limits.bans} people can be banned`);
      return { events: [{ type: 'MemberBanned', by, at, userId }] };
    case 'UnbanMember':
      return { events: state.banned.has(userId) ? [{ type: 'MemberUnbanned', by, at, userId }] : [] };
    case 'ChangeRole':
      if (target === undefined) return reject('not_a_member', `${userId} is not a member`);
      if (role !== 'owner') return reject('not_allowed', 'only an owner changes roles');
      return {
        events:
          target === command.role ? [] : [{ type: 'MemberRoleChanged', by, at, userId, role: command.role }],
      };
  }
};

const sameContent = (a: Content, b: Content) => a.kind === b.kind && a.text === b.text;

/** The same person's same id again: the first answer, or a refusal if it is another message. */
const repeat = (state: ConversationState, command: CommandOf<'SendMessage'>): Decision | undefined => {
  const seq = sentBefore(state, sendKey(command.by, command.id));
  const earlier = seq === undefined ? undefined : known(state, seq);
  if (!earlier) return undefined;
  return sameContent(earlier.sent, command.content) && earlier.replyTo === command.replyTo
    ? { events: [], seq: earlier.seq }
    : reject('client_id_reused', `this id belongs to message ${earlier.seq}, which says something else`);
};

const send = (
  state: ConversationState,
  { by, at, id, content, replyTo, mentions }: CommandOf<'SendMessage'>,
): Decision => {
  if (replyTo !== undefined && !known(state, replyTo)) return noMessage(replyTo);
  return {
    events: [
      {
        type: 'MessageSent',
        by,
        at,
        clientId: id,
        content,
        ...(replyTo !== undefined && { replyTo }),
        mentions: membersOf(state, mentions),
      },
    ],
  };
};

/** Somebody who left meanwhile is no reason to refuse a message: only members are mentioned. */
const membersOf = (state: ConversationState, mentions: readonly UserId[]) =>
  [...new Set(mentions)].filter((userId) => state.members.has(userId));

const noMessage = (seq: Seq) =>
  reject('message_not_found', `there is no message ${seq} in this conversation`);

type OnMessage = CommandOf<'EditMessage' | 'RedactMessage' | 'AddReaction' | 'RemoveReaction' | 'PinMessage'>;

const onMessage = (state: ConversationState, command: OnMessage, role: Role): Decision => {
  const { by, at, seq } = command;
  const message = known(state, seq);
  if (!message) return noMessage(seq);
  if (command.type === 'RedactMessage') {
    if (message.by !== by && (role === 'member' || state.kind === 'direct')) {
      return reject('not_allowed', 'only its sender, an owner or an admin redacts a message');
    }
    if (message.redacted) return nothing;
    return {
      events: [{ type: 'MessageRedacted', by, at, seq, ...(command.reason && { reason: command.reason }) }],
    };
  }
  if (command.type === 'RemoveReaction') {
    const reacted = message.reactions.get(command.emoji)?.has(by);
    return { events: reacted ? [{ type: 'ReactionRemoved', by, at, seq, emoji: command.emoji }] : [] };
  }
  if (message.redacted) return reject('message_redacted', `message ${seq} was redacted`);
  switch (command.type) {
    case 'EditMessage':
      if (message.by !== by) return reject('not_the_sender', 'only its sender edits a message');
      return edit(state, message, command);
    case 'AddReaction': {
      const people = message.reactions.get(command.emoji);
      if (people?.has(by)) return nothing;
      if (!people && message.reactions.size >= limits.emoji) {
        return reject('too_many_reactions', `a message has at most ${limits.emoji} different reactions`);
      }
      if (countOf(message) >= limits.reactions) {
        return reject('too_many_reactions', `a message has at most ${limits.reactions} reactions`);
      }
      return { events: [{ type: 'ReactionAdded', by, at, seq, emoji: command.emoji }] };
    }
    case 'PinMessage':
      if (state.pins.has(seq)) return nothing;
      if (state.pins.size >= limits.pins)
        return reject('too_many_pins', `at most ${limits.pins} messages are pinned`);
      return { events: [{ type: 'MessagePinned', by, at, seq }] };
  }
};

const countOf = ({ reactions }: MessageState): number =>
  [...reactions.values()].reduce((sum, people) => sum + people.size, 0);

const edit = (
  state: ConversationState,
  message: MessageState,
  { by, at, seq, content, mentions: wanted }: CommandOf<'EditMessage'>,
): Decision => {
  const mentions = membersOf(state, wanted);
  const same =
    mentions.length === message.mentions.length &&
    mentions.every((userId) => message.mentions.includes(userId));
  if (same && sameContent(message.content, content)) return nothing;
  return { events: [{ type: 'MessageEdited', by, at, seq, content, mentions }] };
};
