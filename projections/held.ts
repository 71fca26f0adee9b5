import { conversationStreams } from '../domain/codec.ts';
import { type ConversationId, type Seq, streamOf } from '../domain/id.ts';
import type { Tables } from '../domain/ports/tables.ts';
import { projections } from './all.ts';
import { conversations, get } from './conversations.ts';
import { parkedAt } from './track.ts';

const others = projections
  .filter(({ name, streams }) => streams === conversationStreams && name !== conversations.name)
  .map(({ name }) => name);

/**
 * The seq up to which every view holds a conversation, in the order of the ids; -1 for nothing. Of what is read after the
 * answer a view may hold more, never less. At most 10,000 ids.
 */
export const heldUpTo = async (tables: Tables, ids: readonly ConversationId[]): Promise<Seq[]> => {
  // In this order: a row of `conversations` is written after the marks of what was parked up to there.
  const rows = await get(tables, ids);
  const parked = await parkedAt(tables, others, ids.map(streamOf));
  return rows.map((row, i) => Math.min(row?.lastSeq ?? -1, (parked[i] ?? Number.POSITIVE_INFINITY) - 1));
};
