import type { Streams } from '../domain/codec.ts';
import type { ConversationEvent } from '../domain/conversation-event.ts';
import type { ConversationId, Seq, Timestamp } from '../domain/id.ts';
import type { Change, Item, Range, Tables } from '../domain/ports/tables.ts';

/** An event of a conversation with its place in its stream (`seq`) and in the log (`position`). */
export type Sequenced<E = ConversationEvent> = {
  readonly conversationId: ConversationId;
  readonly seq: Seq;
  readonly position: string;
  readonly recordedAt: Timestamp;
  readonly event: E;
};

/**
 * A read model of one kind of streams. `apply` is pure, reads nothing, and makes a bounded number of changes of one event,
 * each at the revision `seq`: an item belongs to one stream, so that its revisions rise with the stream's.
 * One that vouches for the others is given an event only when all of them have applied or parked it.
 */
export type Projection<E extends { type: string } = ConversationEvent> = {
  readonly name: string;
  readonly streams: Streams<E>;
  readonly vouches?: true;
  apply(event: Sequenced<E>): readonly Change[];
};

/** A projection of whichever streams, as those see it that give it only what it can read. */
export type AnyProjection = Projection<{ type: string }>;

/** The first `count` items of a range (all, if undefined), over as many pages as it takes. */
export const collect = async (
  tables: Tables,
  table: string,
  pk: string,
  range: Range & { readonly limit?: never } = {},
  count = Number.POSITIVE_INFINITY,
): Promise<readonly Item[]> => {
  const items: Item[] = [];
  let after: string | undefined;
  while (items.length < count) {
    const limit = Math.min(count - items.length, 1000);
    const page = await tables.query(table, pk, { ...range, limit, ...(after !== undefined && { after }) });
    items.push(...page.items);
    after = page.next;
    if (after === undefined) break;
  }
  return items;
};
