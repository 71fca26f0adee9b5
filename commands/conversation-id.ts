import { createHash } from 'node:crypto';
import type { ConversationId, UserId } from '../domain/id.ts';

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** A ULID's form for 128 bits that no clock chose: the same parts always give the same id. */
export const hashedUlid = (...parts: readonly string[]): string => {
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
  let bits = BigInt(`0x${digest}`);
  let id = '';
  for (let i = 0; i < 26; i += 1, bits >>= 5n) id = alphabet.charAt(Number(bits & 31n)) + id;
  return id;
};

/** The same two people always have the same conversation, whoever starts it. */
export const directId = (a: UserId, b: UserId): ConversationId => hashedUlid('direct', ...[a, b].sort());

/** The same request always founds the same group. */
export const groupId = (by: UserId, commandId: string): ConversationId => hashedUlid('group', by, commandId);
