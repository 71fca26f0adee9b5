import type { ConversationEvent } from '../domain/conversation-event.ts';
import type { ConversationId, Seq, Timestamp } from '../domain/id.ts';
import type { Change, Item, Range, Tables } from '../domain/ports/tables.ts';

/** An event with its place in its conversation (`seq`) and in the log (`position`). */
export type Sequenced = {
  readonly conversationId: ConversationId;
  readonly seq: Seq;
  readonly position: string;
  readonly recordedAt: Timestamp;
  readonly event: ConversationEvent;
};

/**
 * A read model. `apply` is pure, reads nothing, and makes a bounded number of changes of one event, each at the
 * revision `seq`: an item belongs to one conversation, so that its revisions rise with the conversation's.
 * One that vouches for the others is given an event only when all of them have applied or parked it.
 */
export type Projection = {
  readonly name: string;
  readonly vouches?: true;
  apply(event: Sequenced): readonly Change[];
};

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
