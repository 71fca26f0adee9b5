import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ConversationId, Seq, UserId } from '../domain/id.ts';
import { type Item, sortable, type Tables } from '../domain/ports/tables.ts';
import { messages } from './messages.ts';

/** Where somebody's unread messages begin in a conversation, and where its last message is, if it has any. */
export type UnreadRange = {
  readonly conversationId: ConversationId;
  readonly read?: Seq | undefined;
  readonly joinedSeq: Seq;
  readonly lastMessageSeq?: Seq | undefined;
};

export type Unread = { readonly unread: number; readonly mentions: number };

export const unreadLimits = {
  counted: 1000,
  /** Rows looked at for one conversation: somebody's own messages and notices lie among the others'. */
  rows: 20_000,
  page: 250,
} as const;

const NONE: Unread = { unread: 0, mentions: 0 };

/**
 * Messages of others that somebody has not read, and those among them that mention the person as they are now. The oldest
 * 1000 are counted.
 */
export const unreadOf = async (
  tables: Tables,
  userId: UserId,
  { conversationId, read = -1, joinedSeq, lastMessageSeq = -1 }: UnreadRange,
): Promise<Unread> => {
  const after = Math.max(read, joinedSeq);
  if (lastMessageSeq <= after) return NONE;
  const bounds = { from: sortable(after + 1), to: sortable(lastMessageSeq), limit: unreadLimits.page };
  let [unread, mentions, rows] = [0, 0, 0];
  for (let next: string | undefined; ; await nextTurn()) {
    const page = await tables.query(messages.name, conversationId, {
      ...bounds,
      ...(next !== undefined && { after: next }),
    });
    for (const item of page.items) {
      if (item['type'] !== 'message' || item['by'] === userId) continue;
      unread += 1;
      if (isMentioned(item, userId)) mentions += 1;
      if (unread === unreadLimits.counted) return { unread, mentions };
    }
    rows += page.items.length;
    next = page.next;
    if (next === undefined || rows >= unreadLimits.rows) return { unread, mentions };
  }
};

const isMentioned = ({ mentions }: Item, userId: UserId): boolean =>
  Array.isArray(mentions) && mentions.includes(userId);

/** The same for many conversations, in their order. Others get their turn between them. */
export const unreadOfAll = async (
  tables: Tables,
  userId: UserId,
  ranges: readonly UnreadRange[],
): Promise<Unread[]> => {
  const found: Unread[] = [];
  for (const range of ranges) {
    const one = await unreadOf(tables, userId, range);
    found.push(one);
    if (one !== NONE) await nextTurn();
  }
  return found;
};
