import { createHash } from 'node:crypto';
import type { ConversationCommand } from '../domain/conversation-command.ts';

/**
 * The id of the `index`-th event of a command: a UUID (RFC 9562, version 8) made of SHA-256. The same request gives the
 * same ids, so its repeat is recognised wherever it is stored.
 */
export const eventId = (conversationId: string, by: string, commandId: string, index: number): string => {
  const parts = JSON.stringify([conversationId, by, commandId, index]);
  const bytes = createHash('sha256').update(parts).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
};

/**
 * A message is known by its sender's id for it, and sent once whatever it says. Of anything else, the same id with another
 * wish is another request.
 */
export const eventIdOf = (
  conversationId: string,
  { at: _, by, id, ...wish }: ConversationCommand,
  index: number,
): string => {
  if (wish.type === 'SendMessage') return eventId(conversationId, by, id, index);
  const parts = Object.entries(wish).sort(([a], [b]) => (a < b ? -1 : 1));
  return eventId(conversationId, by, JSON.stringify([id, Object.fromEntries(parts)]), index);
};
