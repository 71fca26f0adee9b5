import { z } from 'zod';

/** 26 characters of Crockford's base 32, as in https://github.com/ulid/spec. People, devices and conversations have one. */
export const Ulid = () => z.string().regex(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/, 'must be a ULID');

export const UserId = Ulid();
export type UserId = z.infer<typeof UserId>;

export const ConversationId = Ulid();
export type ConversationId = z.infer<typeof ConversationId>;

/**
 * The position of an event in its conversation, counted from 0: the one number that orders messages and everything
 * else there. A message is named by the seq of its `MessageSent`.
 */
export const Seq = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
export type Seq = z.infer<typeof Seq>;

/** Milliseconds since 1970-01-01T00:00Z. */
export const Timestamp = z.number().int().min(0).max(8.64e15);
export type Timestamp = z.infer<typeof Timestamp>;

/** The actor of what Parlance does by itself: imports, successions. It is nobody's account. */
export const SYSTEM: UserId = '00000000000000000000000000';

const PREFIX = 'conversation-';
const RECEIPTS = 'receipts-';

export const streamOf = (conversationId: ConversationId): string => PREFIX + conversationId;

/** The conversation whose stream this is; undefined for the streams of anything else. */
export const conversationOf = (stream: string): ConversationId | undefined =>
  stream.startsWith(PREFIX) ? stream.slice(PREFIX.length) : undefined;

/** How far the members of a conversation have come. */
export const receiptsStreamOf = (conversationId: ConversationId): string => RECEIPTS + conversationId;

/** The conversation whose receipts this stream holds. */
export const receiptsOf = (stream: string): ConversationId | undefined =>
  stream.startsWith(RECEIPTS) ? stream.slice(RECEIPTS.length) : undefined;
