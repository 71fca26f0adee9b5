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

/**
 * Up to where a device has everything, as the server said it last. Opaque: keep it, and give it back in the next `hello`.
 */
export const SyncToken = z.string().min(1).max(200);
export type SyncToken = z.infer<typeof SyncToken>;

/** What somebody is writing, for their other devices. An empty text: nothing any more. */
export const DraftText = z.string().max(limits.draft);

export const PresenceState = z.enum(['online', 'away', 'offline']);
export type PresenceState = z.infer<typeof PresenceState>;

export const ClientFrame = z.discriminatedUnion('type', [
  z
    .object({
      type: z.literal('hello'),
      version: z
        .number()
        .int()
        .meta({ description: `${PROTOCOL_VERSION}; another one is refused` }),
      token: z.string().max(4096),
      sync: SyncToken.optional(),
    })
    .meta({
      description:
        'First frame, within 10 seconds: the access token, and where the device has come to (`sync`), if it was here before. ' +
        'Again at any time with a fresh token.',
    }),
  z
    .object({ type: z.literal('command'), id: CommandId, command: Command })
    .meta({ description: 'Answered by one `ack` or `error` with the same id, once it is durable.' }),
  z
    .strictObject({
      type: z.literal('mark'),
      ...here,
      delivered: Seq.optional(),
      read: Seq.optional(),
    })
    .refine(({ delivered, read }) => delivered !== undefined || read !== undefined, 'delivered or read')
    .meta({
      description:
        'Everything up to this seq has come to this device, or was read. What was read has come too. Not answered, unless ' +
        'it is refused: it has been noted when it comes back as `marked`. Until then, say it again on each new connection.',
    }),
  z.object({ type: z.literal('typing'), ...here, on: z.boolean() }).meta({
    description: 'Somebody writes (say it again every 3 seconds while they do), or has stopped.',
  }),
  z.object({ type: z.literal('presence'), state: PresenceState.exclude(['offline']) }).meta({
    description: 'Whether the person is at this device. A new socket is `online`.',
  }),
  z
    .object({
      type: z.literal('watch'),
      conversationIds: z.array(ConversationId).max(limits.watched),
    })
    .meta({
      description:
        'The conversations whose members’ presence is to be told from now on, instead of those named before.',
    }),
  z.object({ type: z.literal('draft'), ...here, text: DraftText, replyTo: Seq.optional() }).meta({
    description:
      'What is being written, for the person’s other devices. The newest one counts. It was heard when it comes back as `draft`; ' +
      'until then, say it again on each new connection.',
  }),
  z.object({ type: z.literal('ping') }).meta({ description: 'Answered by `pong`.' }),
]);
export type ClientFrame = z.infer<typeof ClientFrame>;

// Frames to the client

/** An event as clients see it: what happened, and its place in the conversation. */
export const SequencedEvent = z.object({ seq: Seq, event: ConversationEvent });
export type SequencedEvent = z.infer<typeof SequencedEvent>;

/** The rate limits by name: whose requests are counted. */
export const RateLimit = z.enum(['person', 'device', 'address', 'conversation']);
export type RateLimit = z.infer<typeof RateLimit>;

/** `retry`: the same request may succeed later as it is. `details` say where a request was malformed. */
export const ErrorBody = z.object({
  code: z.string(),
  message: z.string(),
  retry: z.boolean(),
  details: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  limit: RateLimit.optional().meta({ description: 'Of `rate_limited`: which limit' }),
  retryAfterMs: z.number().int().optional().meta({ description: 'When to try again' }),
});
export type ErrorBody = z.infer<typeof ErrorBody>;

/** How far somebody has come in a conversation: everything up to there. Not there: nothing yet. */
export const Mark = z.object({ userId: UserId, delivered: Seq.optional(), read: Seq.optional() });
export type Mark = z.infer<typeof Mark>;

/** So many members (`count`) have come at least to `seq`. The highest first; at most 32, of which the last counts all who have come anywhere. */
export const Level = z.object({ seq: Seq, count: z.number().int() });
export type Level = z.infer<typeof Level>;

/** Up to this many members, receipts name each of them; beyond, they count. */
export const NAMED_RECEIPTS = 32;

export const Draft = z.object({
  conversationId: ConversationId,
  text: DraftText,
  replyTo: Seq.optional(),
  at: Timestamp,
});
export type Draft = z.infer<typeof Draft>;

/** `lastSeenAt`: of somebody who is offline, when they were here last, if that is known. */
export const Presence = z.object({
  userId: UserId,
  state: PresenceState,
  lastSeenAt: Timestamp.optional(),
});
export type Presence = z.infer<typeof Presence>;

export const ServerFrame = z.discriminatedUnion('type', [
  z
    .object({
      type: z.literal('welcome'),
      version: z.number(),
      userId: UserId,
      deviceId: z.string(),
      now: Timestamp,
      sync: SyncToken,
      resumed: z.boolean(),
      cause: z.object({ code: z.string(), message: z.string() }).optional(),
    })
    .meta({
      description:
        'The socket is signed in. `resumed`: everything missed since the `sync` of the `hello` follows, up to `synced`. ' +
        'Otherwise the views hold everything up to the `sync` in here: read them; `cause` says why a given token was of no use. ' +
        'Every event of one’s conversations after this comes as `events`.',
    }),
  z
    .object({
      type: z.literal('events'),
      conversationId: ConversationId,
      events: z.array(SequencedEvent).min(1),
      sync: SyncToken.optional(),
    })
    .meta({
      description:
        'Consecutive events of one conversation, in order. Ignore a seq that you have: after a resume some may come again. A ' +
        'jump in seq means that some were missed: read them with GET /v1/conversations/{conversationId}/events. ' +
        '`sync`: whoever has this frame and all before it has everything up to there.',
    }),
  z
    .object({
      type: z.literal('behind'),
      conversations: z
        .array(z.object({ conversationId: ConversationId, after: Seq.min(-1), lastSeq: Seq }))
        .min(1),
    })
    .meta({
      description:
        'While resuming: more was missed of these than is sent at once. Read the events after `after` up to `lastSeq` with ' +
        'GET /v1/conversations/{conversationId}/events, or the views anew.',
    }),
  z.object({ type: z.literal('synced'), sync: SyncToken }).meta({
    description: 'The end of resuming: what was missed has been sent, or named in `behind`.',
  }),
  z
    .object({
      type: z.literal('receipts'),
      conversationId: ConversationId,
      members: z.number().int().optional(),
      marks: z.array(Mark).optional(),
      delivered: z.array(Level).optional(),
      read: z.array(Level).optional(),
    })
    .meta({
      description:
        `How far people have come. Of a conversation of up to ${NAMED_RECEIPTS} members \`marks\` of those who moved; of a larger one ` +
        'how many of its `members` have come how far, `delivered` and `read`. Marks only rise: keep the highest.',
    }),
  z
    .object({
      type: z.literal('marked'),
      conversationId: ConversationId,
      delivered: Seq.optional(),
      read: Seq.optional(),
    })
    .meta({ description: 'Your own mark, durable, whichever of your devices it came from.' }),
  z
    .object({
      type: z.literal('typing'),
      conversationId: ConversationId,
      on: z.array(UserId),
      off: z.array(UserId),
    })
    .meta({
      description: 'Who writes now, and who has stopped. It is over after 6 seconds without a word of it.',
    }),
  z
    .object({ type: z.literal('presence'), people: z.array(Presence).min(1) })
    .meta({ description: 'Of people in the conversations that are watched, when it has changed.' }),
  z.object({ type: z.literal('draft'), draft: Draft }).meta({
    description:
      'What the person writes, on this device or another, in the same order for all; and after each `welcome` what is ' +
      'unfinished, and (without text) what lately was, but is no more.',
  }),
  z.object({ type: z.literal('ack'), id: CommandId, conversationId: ConversationId, seq: Seq }).meta({
    description: 'The command is durable. `seq` is its last event; of a repeated message, the first one’s.',
  }),
  z.object({ type: z.literal('error'), id: CommandId.optional(), ...ErrorBody.shape }),
  z.object({ type: z.literal('pong'), sync: SyncToken.optional() }),
  z.object({ type: z.literal('bye'), reason: z.string(), comeBackInMs: z.number().int() }).meta({
    description: 'The server is about to close; come back after that time.',
  }),
]);
export type ServerFrame = z.infer<typeof ServerFrame>;

/**
 * What a WebSocket may carry, as `Sec-WebSocket-Protocol`: one JSON object in each text message (also without any), or one
 * MessagePack map in each binary one.
 */
export const subprotocols = { json: 'parlance.v1.json', msgpack: 'parlance.v1.msgpack' } as const;

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
  /** The client reads too slowly: come back and resume. */
  tooSlow: 4429,
  tooManyConnections: 4430,
  /** The version of `hello` is not spoken here. */
  versionUnsupported: 4400,
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

/** Unread messages are counted up to here: that many or more. */
export const UNREAD_COUNTED = 1000;

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
  read: Seq.optional().meta({ description: 'Up to where you have read; not there: nothing yet' }),
  unread: z
    .number()
    .int()
    .meta({
      description: `Messages of others after that, counted to ${UNREAD_COUNTED}; those before you joined don’t count`,
    }),
  mentions: z.number().int().meta({ description: 'How many of the unread mention you' }),
  lastMessage: Message.optional().meta({ description: 'A long text is cut here' }),
});
export type ConversationSummary = z.infer<typeof ConversationSummary>;

export const ConversationDetail = z.object({
  ...ConversationSummary.shape,
  pins: z.array(Seq),
  members: z.array(Member),
});
export type ConversationDetail = z.infer<typeof ConversationDetail>;

/** How far the members have come: all of them, whatever the size. */
export const Receipts = z.object({ conversationId: ConversationId, marks: z.array(Mark) });
export type Receipts = z.infer<typeof Receipts>;

/** Who has a message. The sender is not counted. */
export const MessageReceipts = z.object({
  members: z.number().int().meta({ description: 'Members besides the sender' }),
  delivered: z.array(UserId),
  read: z.array(UserId),
});
export type MessageReceipts = z.infer<typeof MessageReceipts>;

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

/** What others learn of somebody. */
export const Preferences = z.object({
  shareReadReceipts: z.boolean().meta({ description: 'Others see how far you have read' }),
  sharePresence: z
    .boolean()
    .meta({ description: 'People you share a conversation with see whether you are here' }),
});
export type Preferences = z.infer<typeof Preferences>;

/**
 * Frames over HTTP, for networks that WebSocket does not get through. `POST /v1/polls` begins, and what follows is asked
 * for with the `pollId` it gives: one request at a time, each of which may take 25 seconds. A new request ends the one
 * before it with an empty answer. What is lost on the way is asked for again with the same `after`; what is sent again
 * with the same `first` is taken once.
 */
export const PollRequest = z.object({
  after: z
    .number()
    .int()
    .min(0)
    .meta({ description: 'The highest `n` of the answers that arrived; 0 at first. Ignore an older answer' }),
  first: z
    .number()
    .int()
    .min(0)
    .optional()
    .meta({
      description:
        'How many frames this client has sent before those in here: so those that come again are known. An answer of any ' +
        'kind says that the frames of its request were taken. Not there: all are new',
    }),
  frames: z.array(z.unknown()).max(256).default([]).meta({ description: 'Client frames, in order' }),
});
export type PollRequest = z.infer<typeof PollRequest>;

export const Poll = z.object({ pollId: z.string() });
export type Poll = z.infer<typeof Poll>;

export const PollAnswer = z.object({
  n: z
    .number()
    .int()
    .meta({ description: 'Ask with this `after` next: then these frames will not come again' }),
  frames: z.array(ServerFrame),
  closed: z.object({ code: z.number().int(), reason: z.string() }).optional().meta({
    description: 'The server has closed, as it would close a WebSocket: there is nothing after this',
  }),
});
export type PollAnswer = z.infer<typeof PollAnswer>;

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
