import { z } from 'zod';
import {
  Content,
  ConversationEvent,
  Emoji,
  Mentions,
  Reason,
  Role,
  Title,
  Topic,
} from '../domain/conversation-event.ts';
import { ConversationId, Seq, Timestamp, UserId } from '../domain/id.ts';
import { limits } from '../domain/limits.ts';

/** The version of everything on this page. It rises when a client that follows the page would break. */
export const PROTOCOL_VERSION = 1;

/** A frame of a client may have this many bytes of UTF-8. */
export const MAX_FRAME_BYTES = 128 * 1024;

/**
 * The client's name for a request, chosen once and kept over retries (a ULID or UUID, say). The same id from the same
 * person in the same conversation is the same request: its repeat is acknowledged like the first and done once. Of a
 * message that holds for ever; of anything else while its effect can be seen, and then as long as the store remembers ids.
 */
export const CommandId = z
  .string()
  .min(1)
  .max(limits.commandId)
  .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces');

/** Something that can be seen. */
const VISIBLE = /[^\s\p{C}\p{DI}\u2800]/u;
/** Control characters, halves of surrogate pairs, and what turns the direction of the text that follows. */
const UNFIT = /[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/u;
const isLine = (text: string) => text === '' || (VISIBLE.test(text) && !UNFIT.test(text));
const lineRule = 'must be one line of text that can be seen, without control characters';

// What people choose and say now. What was imported may be stranger than that.
export const NewContent = Content.refine(({ text }) => VISIBLE.test(text), {
  path: ['text'],
  message: 'must not be blank',
});
export const NewTitle = Title.refine(isLine, lineRule);
export const NewTopic = Topic.refine(isLine, lineRule);
export const NewReason = Reason.refine(isLine, lineRule);
export const DisplayName = z.string().trim().min(1).max(64).refine(isLine, lineRule);

const command = <T extends string, S extends z.ZodRawShape>(type: T, shape: S) =>
  z.object({ type: z.literal(type), ...shape });
const here = { conversationId: ConversationId };

/** What a person can ask for. REST routes and WebSocket frames carry the same. */
export const Command = z.discriminatedUnion('type', [
  command('StartDirect', { with: UserId }),
  command('CreateGroup', {
    title: NewTitle,
    topic: NewTopic.optional(),
    members: z.array(UserId).max(limits.members),
  }),
  command('AddMembers', {
    ...here,
    userIds: z.array(UserId).min(1).max(limits.members),
    role: Role.optional(),
  }),
  command('LeaveConversation', here),
  command('RemoveMember', { ...here, userId: UserId }),
  command('BanMember', { ...here, userId: UserId }),
  command('UnbanMember', { ...here, userId: UserId }),
  command('ChangeRole', { ...here, userId: UserId, role: Role }),
  command('RenameConversation', { ...here, title: NewTitle }),
  command('SetTopic', { ...here, topic: NewTopic }),
  command('SendMessage', {
    ...here,
    content: NewContent,
    replyTo: Seq.optional(),
    mentions: Mentions.default([]),
  }),
  command('EditMessage', { ...here, seq: Seq, content: NewContent, mentions: Mentions.default([]) }),
  command('RedactMessage', { ...here, seq: Seq, reason: NewReason.optional() }),
  command('AddReaction', { ...here, seq: Seq, emoji: Emoji }),
  command('RemoveReaction', { ...here, seq: Seq, emoji: Emoji }),
  command('PinMessage', { ...here, seq: Seq }),
  command('UnpinMessage', { ...here, seq: Seq }),
]);
export type Command = z.infer<typeof Command>;

// Frames from the client

export const ClientFrame = z.discriminatedUnion('type', [
  z
    .object({ type: z.literal('hello'), version: z.literal(PROTOCOL_VERSION), token: z.string().max(4096) })
    .meta({
      description: 'First frame, within 10 seconds: the access token. Again at any time with a fresh token.',
    }),
  z
    .object({ type: z.literal('command'), id: CommandId, command: Command })
    .meta({ description: 'Answered by one `ack` or `error` with the same id, once it is durable.' }),
  z.object({ type: z.literal('ping') }).meta({ description: 'Answered by `pong`.' }),
]);
export type ClientFrame = z.infer<typeof ClientFrame>;

// Frames to the client

/** An event as clients see it: what happened, and its place in the conversation. */
export const SequencedEvent = z.object({ seq: Seq, event: ConversationEvent });
export type SequencedEvent = z.infer<typeof SequencedEvent>;

/** `retry`: the same request may succeed later as it is. `details` say where a request was malformed. */
export const ErrorBody = z.object({
  code: z.string(),
  message: z.string(),
  retry: z.boolean(),
  details: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});
export type ErrorBody = z.infer<typeof ErrorBody>;

export const ServerFrame = z.discriminatedUnion('type', [
  z
    .object({
      type: z.literal('welcome'),
      version: z.number(),
      userId: UserId,
      deviceId: z.string(),
      now: Timestamp,
    })
    .meta({
      description: 'The socket is signed in. Every event of its conversations after this comes as `events`.',
    }),
  z
    .object({
      type: z.literal('events'),
      conversationId: ConversationId,
      events: z.array(SequencedEvent).min(1),
    })
    .meta({
      description:
        'Consecutive events of one conversation, in order, each once. A jump in seq means that some were missed: ' +
        'read them with GET /v1/conversations/{conversationId}/events.',
    }),
  z.object({ type: z.literal('ack'), id: CommandId, conversationId: ConversationId, seq: Seq }).meta({
    description: 'The command is durable. `seq` is its last event; of a repeated message, the first one’s.',
  }),
  z.object({ type: z.literal('error'), id: CommandId.optional(), ...ErrorBody.shape }),
  z.object({ type: z.literal('pong') }),
  z.object({ type: z.literal('bye'), reason: z.string(), comeBackInMs: z.number().int() }).meta({
    description: 'The server is about to close; come back after that time.',
  }),
]);
export type ServerFrame = z.infer<typeof ServerFrame>;

/** Why the server closed a socket (RFC 6455 §7.4). */
export const closeCodes = {
  /** Something broke here. */
  internal: 1011,
  /** The server stops; `bye` said when to come back. */
  restarting: 1012,
  /** Something is away for a while; come back with the same token. */
  tryAgainLater: 1013,
  unauthorized: 4401,
  helloTimeout: 4408,
  tooSlow: 4429,
} as const;

// Views

export const User = z.object({
  userId: UserId,
  username: z.string(),
  displayName: z.string(),
  role: z.enum(['owner', 'member']).meta({ description: 'On the whole site' }),
  createdAt: Timestamp,
});
export type User = z.infer<typeof User>;

export const Member = z.object({ userId: UserId, role: Role, joinedAt: Timestamp, addedBy: UserId });
export type Member = z.infer<typeof Member>;

const placed = { seq: Seq, by: UserId, at: Timestamp };

export const Message = z.object({
  kind: z.literal('message'),
  ...placed,
  clientId: z.string(),
  content: Content.optional().meta({ description: 'Not there when the message was redacted' }),
  replyTo: Seq.optional(),
  mentions: Mentions,
  editedAt: Timestamp.optional(),
  redacted: z.object({ by: UserId, at: Timestamp, reason: z.string().optional() }).optional(),
  pinned: z.object({ by: UserId, at: Timestamp }).optional(),
  reactions: z.array(z.object({ emoji: z.string(), userIds: z.array(UserId) })),
});
export type Message = z.infer<typeof Message>;

/** Something else that a timeline shows: somebody joined, the title changed. */
export const Notice = z.object({ kind: z.literal('notice'), ...placed, event: ConversationEvent });
export type Notice = z.infer<typeof Notice>;

export const TimelineItem = z.discriminatedUnion('kind', [Message, Notice]);
export type TimelineItem = z.infer<typeof TimelineItem>;

export const TimelinePage = z.object({
  items: z.array(TimelineItem).meta({ description: 'Oldest first' }),
  before: Seq.optional().meta({
    description: 'Ask with this `before` for older ones; not there at the beginning',
  }),
  after: Seq.optional().meta({ description: 'Ask with this `after` for newer ones; not there at the end' }),
  lastSeq: Seq.meta({
    description: 'The view holds every event up to this one; the rest comes live or from /events',
  }),
});
export type TimelinePage = z.infer<typeof TimelinePage>;

export const ConversationSummary = z.object({
  conversationId: ConversationId,
  kind: z.enum(['direct', 'group']),
  title: z.string().optional().meta({ description: 'Of a group' }),
  topic: z.string().optional(),
  people: z.array(UserId).optional().meta({ description: 'The two of a direct conversation' }),
  role: Role.meta({ description: 'Your own' }),
  createdAt: Timestamp,
  lastSeq: Seq,
  lastActivityAt: Timestamp,
  lastMessage: Message.optional().meta({ description: 'A long text is cut here' }),
});
export type ConversationSummary = z.infer<typeof ConversationSummary>;

export const ConversationDetail = z.object({
  ...ConversationSummary.shape,
  pins: z.array(Seq),
  members: z.array(Member),
});
export type ConversationDetail = z.infer<typeof ConversationDetail>;

export const EventsPage = z.object({
  events: z.array(SequencedEvent),
  lastSeq: Seq.meta({
    description: 'Of the conversation; ask again from the last one you got until you are there',
  }),
});
export type EventsPage = z.infer<typeof EventsPage>;

export const Acknowledgement = z.object({ conversationId: ConversationId, seq: Seq });
export type Acknowledgement = z.infer<typeof Acknowledgement>;

// Accounts

/** No blanks, control characters, `@`, `/` or `:` (imported people's names have an `@`). */
export const Username = z
  .string()
  .min(2)
  .max(32)
  .regex(/^[^\s\p{C}\p{DI}\u2800@/:]+$/u, 'must have no blanks, invisible characters, @, / or :');
export const Password = z.string().min(8).max(256);

export const SignUp = z.object({
  username: Username,
  displayName: DisplayName.optional(),
  password: Password,
  invitation: z.string().max(100).optional(),
  deviceName: z.string().max(100).optional(),
});
export type SignUp = z.infer<typeof SignUp>;

export const SignIn = z.object({
  username: z.string().max(64),
  password: z.string().max(256),
  deviceName: z.string().max(100).optional(),
});
export type SignIn = z.infer<typeof SignIn>;

export const Session = z.object({
  user: User,
  deviceId: z.string(),
  accessToken: z.string().meta({ description: 'A JWT (EdDSA); send as `Authorization: Bearer …`' }),
  accessTokenExpiresAt: Timestamp,
  refreshToken: z
    .string()
    .meta({ description: 'For one use: it is replaced by each refresh, and its reuse ends the session' }),
  refreshTokenExpiresAt: Timestamp,
});
export type Session = z.infer<typeof Session>;

export const Device = z.object({
  deviceId: z.string(),
  name: z.string(),
  createdAt: Timestamp,
  lastSeenAt: Timestamp,
  current: z.boolean(),
});
export type Device = z.infer<typeof Device>;

export const Site = z.object({
  signUp: z.enum(['open', 'invitation', 'closed']),
  claimed: z.boolean().meta({ description: 'False until the first account, which owns the site' }),
  version: z.string(),
});
export type Site = z.infer<typeof Site>;

export const Invitation = z.object({
  code: z.string(),
  url: z.string(),
  uses: z.number().int(),
  expiresAt: Timestamp,
});
export type Invitation = z.infer<typeof Invitation>;
