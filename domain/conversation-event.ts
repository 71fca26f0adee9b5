import { z } from 'zod';
import { Seq, Timestamp, UserId } from './id.ts';
import { limits } from './limits.ts';

export const Role = z.enum(['owner', 'admin', 'member']);
export type Role = z.infer<typeof Role>;

const encoder = new TextEncoder();
const fits = (text: string) =>
  text.length * 3 <= limits.textBytes ||
  (text.length <= limits.textBytes && encoder.encode(text).length <= limits.textBytes);

/** May be blank: elsewhere people could send nothing, and imported history is kept as it was (`NewContent` in protocol.ts refuses it). */
export const Text = z
  .string()
  .refine(fits, `must not be longer than ${limits.textBytes} bytes of UTF-8`)
  .refine(
    (text) => !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text),
    'must be well-formed Unicode',
  )
  .meta({ description: `Up to ${limits.textBytes} bytes of UTF-8` });

/** What a message says. Tagged, because the server must store and order what it can't read too (later: encrypted, media). */
export const Content = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('text'), text: Text }),
  z.object({ kind: z.literal('action'), text: Text }).meta({ description: '`/me` does something' }),
]);
export type Content = z.infer<typeof Content>;

/** One emoji: a picture (with skin tone, joined to others), a keycap or a flag. */
export const Emoji = z
  .string()
  .max(64)
  .regex(
    /^(?:\p{Extended_Pictographic}(?:\p{Emoji_Modifier}|\ufe0f|[\u{e0020}-\u{e007f}])*(?:\u200d\p{Extended_Pictographic}(?:\p{Emoji_Modifier}|\ufe0f)*)*|[0-9#*]\ufe0f?\u20e3|\p{Regional_Indicator}{2})$/u,
    'must be one emoji',
  );

export const Title = z.string().trim().min(1).max(limits.title);
export const Topic = z.string().trim().max(limits.topic);
export const Mentions = z.array(UserId).max(limits.mentions);
export const Reason = z.string().trim().max(limits.reason);

const event = <T extends string, S extends z.ZodRawShape>(type: T, shape: S) =>
  z.object({ type: z.literal(type), by: UserId, at: Timestamp, ...shape });

/** Everything that can have happened in a conversation, at its newest schema version. `by` did it, `at` that time. */
export const ConversationEvent = z.discriminatedUnion('type', [
  event('ConversationCreated', {
    kind: z.enum(['direct', 'group']),
    title: Title.optional(),
    topic: Topic.optional(),
    /** The two of a direct conversation. */
    people: z.tuple([UserId, UserId]).optional(),
  }),
  event('MemberJoined', { userId: UserId, role: Role }),
  event('MemberLeft', { userId: UserId }),
  event('MemberRemoved', { userId: UserId }),
  event('MemberBanned', { userId: UserId }),
  event('MemberUnbanned', { userId: UserId }),
  event('MemberRoleChanged', { userId: UserId, role: Role }),
  event('ConversationRenamed', { title: Title }),
  event('TopicChanged', { topic: Topic }),
  event('MessageSent', {
    clientId: z.string(),
    content: Content,
    replyTo: Seq.optional(),
    mentions: Mentions,
  }),
  event('MessageEdited', { seq: Seq, content: Content, mentions: Mentions }),
  event('MessageRedacted', { seq: Seq, reason: Reason.optional() }),
  event('ReactionAdded', { seq: Seq, emoji: Emoji }),
  event('ReactionRemoved', { seq: Seq, emoji: Emoji }),
  event('MessagePinned', { seq: Seq }),
  event('MessageUnpinned', { seq: Seq }),
]);
export type ConversationEvent = z.infer<typeof ConversationEvent>;
export type ConversationEventType = ConversationEvent['type'];
export type EventOf<T extends ConversationEventType> = Extract<ConversationEvent, { type: T }>;

/** Ends somebody's membership; a ban also comes to people who had none. */
export type Leaving = EventOf<'MemberLeft' | 'MemberRemoved' | 'MemberBanned'>;
export const isLeaving = (event: ConversationEvent): event is Leaving =>
  event.type === 'MemberLeft' || event.type === 'MemberRemoved' || event.type === 'MemberBanned';
