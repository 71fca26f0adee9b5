import type { ConversationCommand } from './conversation-command.ts';
import type { Content, ConversationEvent, EventOf, Role } from './conversation-event.ts';
import { SYSTEM, type Seq, type UserId } from './id.ts';

/** What later decisions need of a message. `sent` stays as it was first said, `content` follows edits. */
export type MessageState = {
  readonly seq: Seq;
  readonly by: UserId;
  readonly clientId: string;
  readonly sent: Content;
  readonly replyTo: Seq | undefined;
  content: Content;
  mentions: readonly UserId[];
  redacted: boolean;
  readonly reactions: Map<string, Set<UserId>>;
};

/**
 * What decisions are made from. Bounded, however long the conversation: of the messages only the newest are here;
 * `missing` names an older one that a command needs, and `recall` brings it in for the time of that decision.
 * A state belongs to whoever folds it: `evolve` changes it in place.
 */
export type ConversationState = {
  revision: number;
  kind: 'none' | 'direct' | 'group';
  createdTitle: string | undefined;
  title: string | undefined;
  topic: string;
  readonly members: Map<UserId, Role>;
  readonly banned: Set<UserId>;
  /** People who were members once, up to a limit. */
  readonly former: Set<UserId>;
  readonly pins: Set<Seq>;
  readonly messages: Map<Seq, MessageState>;
  readonly sends: Map<string, Seq>;
  /** What the messages say and the reactions to them, roughly. */
  windowBytes: number;
  /** Messages are known from here on; everything older was dropped. */
  windowFrom: Seq;
  readonly recalled: {
    readonly messages: Map<Seq, MessageState | undefined>;
    readonly sends: Map<string, Seq | undefined>;
  };
};

export const messageWindow = { messages: 512, bytes: 1024 * 1024, reactionBytes: 30 } as const;

/** People of whom a state remembers that they were members once. */
export const formerLimit = 10_000;

export const initial = (): ConversationState => ({
  revision: -1,
  kind: 'none',
  createdTitle: undefined,
  title: undefined,
  topic: '',
  members: new Map(),
  banned: new Set(),
  former: new Set(),
  pins: new Set(),
  messages: new Map(),
  sends: new Map(),
  windowBytes: 0,
  windowFrom: 0,
  recalled: { messages: new Map(), sends: new Map() },
});

export const sendKey = (by: UserId, clientId: string): string => `${by}/${clientId}`;

export const evolve = (state: ConversationState, event: ConversationEvent): ConversationState => {
  state.revision += 1;
  switch (event.type) {
    case 'ConversationCreated':
      state.kind = event.kind;
      state.createdTitle = event.title;
      state.title = event.title;
      state.topic = event.topic ?? '';
      break;
    case 'MemberJoined':
    case 'MemberRoleChanged':
      state.members.set(event.userId, event.role);
      break;
    case 'MemberBanned':
      state.banned.add(event.userId);
      remove(state, event.userId);
      break;
    case 'MemberLeft':
    case 'MemberRemoved':
      remove(state, event.userId);
      break;
    case 'MemberUnbanned':
      state.banned.delete(event.userId);
      break;
    case 'ConversationRenamed':
      state.title = event.title;
      break;
    case 'TopicChanged':
      state.topic = event.topic;
      break;
    case 'MessageSent':
      remember(state, messageOf(event, state.revision));
      break;
    case 'MessagePinned':
      state.pins.add(event.seq);
      break;
    case 'MessageUnpinned':
      state.pins.delete(event.seq);
      break;
    case 'MessageRedacted':
      state.pins.delete(event.seq);
      change(state, event.seq, event);
      break;
    case 'MessageEdited':
    case 'ReactionAdded':
    case 'ReactionRemoved':
      change(state, event.seq, event);
      break;
    default:
      event satisfies never;
  }
  return state;
};

const remove = (state: ConversationState, userId: UserId): void => {
  if (state.members.delete(userId) && state.former.size < formerLimit) state.former.add(userId);
};

export const messageOf = (event: EventOf<'MessageSent'>, seq: Seq): MessageState => ({
  seq,
  by: event.by,
  clientId: event.clientId,
  sent: event.content,
  replyTo: event.replyTo,
  content: event.content,
  mentions: event.mentions,
  redacted: false,
  reactions: new Map(),
});

/** Applies an event to the message that it is about. */
export const touch = (message: MessageState | undefined, event: ConversationEvent): void => {
  if (!message) return;
  switch (event.type) {
    case 'MessageEdited':
      message.content = event.content;
      message.mentions = event.mentions;
      break;
    case 'MessageRedacted':
      message.redacted = true;
      message.mentions = [];
      message.content = message.sent;
      message.reactions.clear();
      break;
    case 'ReactionAdded':
      message.reactions.set(event.emoji, (message.reactions.get(event.emoji) ?? new Set()).add(event.by));
      break;
    case 'ReactionRemoved': {
      const people = message.reactions.get(event.emoji);
      people?.delete(event.by);
      if (people?.size === 0) message.reactions.delete(event.emoji);
      break;
    }
    default:
  }
};

const remember = (state: ConversationState, message: MessageState): void => {
  state.messages.set(message.seq, message);
  state.sends.set(sendKey(message.by, message.clientId), message.seq);
  state.windowBytes += weightOf(message);
  shrink(state);
};

const change = (state: ConversationState, seq: Seq, event: ConversationEvent): void => {
  const message = state.messages.get(seq);
  if (!message) return touch(state.recalled.messages.get(seq), event);
  state.windowBytes -= weightOf(message);
  touch(message, event);
  state.windowBytes += weightOf(message);
  return shrink(state);
};

const weightOf = ({ sent, content, reactions }: MessageState): number => {
  let weight = sent.text.length + (content === sent ? 0 : content.text.length);
  for (const people of reactions.values()) weight += messageWindow.reactionBytes * people.size;
  return weight;
};

const shrink = (state: ConversationState): void => {
  for (const oldest of state.messages.values()) {
    if (state.messages.size <= messageWindow.messages && state.windowBytes <= messageWindow.bytes) break;
    const key = sendKey(oldest.by, oldest.clientId);
    state.messages.delete(oldest.seq);
    state.sends.delete(key);
    // Until the batch that pushed it out is over, its newest touches are known only here.
    state.recalled.messages.set(oldest.seq, oldest);
    state.recalled.sends.set(key, oldest.seq);
    state.windowBytes -= weightOf(oldest);
    state.windowFrom = oldest.seq + 1;
  }
};

export const known = (state: ConversationState, seq: Seq) =>
  state.messages.get(seq) ?? state.recalled.messages.get(seq);

/** Something old that a decision needs and the state has dropped. */
export type Missing = { readonly message: Seq } | { readonly send: string };

export const missing = (state: ConversationState, command: ConversationCommand): Missing | undefined => {
  const { by } = command;
  const old = (seq: Seq) => seq < state.windowFrom && !state.recalled.messages.has(seq);
  const isMember = by === SYSTEM || state.members.has(by);
  // Others are refused whatever is looked up, unless they repeat what they sent as members.
  const wasMember = state.former.has(by) || state.former.size >= formerLimit;
  if (!isMember && !(wasMember && command.type === 'SendMessage')) return undefined;
  switch (command.type) {
    case 'SendMessage': {
      const key = sendKey(by, command.id);
      const earlier = sentBefore(state, key);
      if (earlier !== undefined) return old(earlier) ? { message: earlier } : undefined;
      if (state.windowFrom > 0 && !state.recalled.sends.has(key)) return { send: key };
      if (!isMember || command.replyTo === undefined) return undefined;
      return old(command.replyTo) ? { message: command.replyTo } : undefined;
    }
    case 'EditMessage':
    case 'RedactMessage':
    case 'AddReaction':
    case 'RemoveReaction':
    case 'PinMessage':
      return old(command.seq) ? { message: command.seq } : undefined;
    default:
      return undefined;
  }
};

export const sentBefore = (state: ConversationState, key: string) =>
  state.sends.get(key) ?? state.recalled.sends.get(key);

/** Brings in what was missing (undefined: there is no such thing) until `forget`. */
export const recall = (state: ConversationState, what: Missing, found: MessageState | undefined): void => {
  if ('send' in what) state.recalled.sends.set(what.send, found?.seq);
  if ('message' in what) state.recalled.messages.set(what.message, found);
  else if (found && found.seq < state.windowFrom) state.recalled.messages.set(found.seq, found);
};

export const forget = (state: ConversationState): void => {
  state.recalled.messages.clear();
  state.recalled.sends.clear();
};
