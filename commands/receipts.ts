import { LRUCache } from 'lru-cache';
import { receiptsCodec } from '../domain/codec.ts';
import { type ConversationId, receiptsStreamOf } from '../domain/id.ts';
import { type EventStore, NO_STREAM, START } from '../domain/ports/event-store.ts';
import {
  type ReceiptsEvent,
  type ReceiptsState,
  evolveReceipts,
  initialReceipts,
} from '../domain/receipts.ts';

/** A folded receipts stream, its place in the log, and how many marks came after the newest event that says everything. */
export type Receipts = { readonly state: ReceiptsState; position: string; since: number };

type Recorded = { readonly revision: number; readonly position: string; readonly event: ReceiptsEvent };

/** Adds the stream's next event; nothing if it was added already. */
export const advance = (receipts: Receipts, { revision, position, event }: Recorded): void => {
  if (revision <= receipts.state.revision) return;
  evolveReceipts(receipts.state, revision, event);
  receipts.position = position;
  receipts.since = event.others ? 0 : receipts.since + event.marks.length;
};

/** Most streams say everything among their last few events. */
const PAGES = { first: 16, more: 200 } as const;

/** Reads the stream backwards, from its end or from a revision, to the newest event that says everything. */
export const foldReceipts = async (
  store: Pick<EventStore, 'read'>,
  conversationId: ConversationId,
  revision?: number,
): Promise<Receipts> => {
  const found: Recorded[] = [];
  let limit: number = PAGES.first;
  for (let from = revision; from !== NO_STREAM; limit = PAGES.more) {
    const page = await store.read(receiptsStreamOf(conversationId), {
      ...(from !== undefined && { from }),
      backwards: true,
      limit,
    });
    for (const { revision: at, position, type, data } of page) {
      found.push({ revision: at, position, event: receiptsCodec.decode(type, data) });
      if (found.at(-1)?.event.others) break;
    }
    const oldest = found.at(-1);
    if (!oldest || oldest.event.others || page.length < limit) break;
    from = oldest.revision - 1;
  }
  const receipts = { state: initialReceipts(), position: START, since: 0 };
  for (const one of found.reverse()) advance(receipts, one);
  return receipts;
};

async function* after(store: Pick<EventStore, 'read'>, conversationId: ConversationId, revision: number) {
  for (let from = revision + 1; ; ) {
    const page = await store.read(receiptsStreamOf(conversationId), { from, limit: PAGES.more });
    for (const one of page) yield { ...one, event: receiptsCodec.decode(one.type, one.data) };
    if (page.length < PAGES.more) return;
    from += page.length;
  }
}

/** Folded streams that are in use: a cache of what the log says. */
export type ReceiptsCache = {
  /** As it was kept, or as the log has it now. With a revision: as it was after exactly that event. */
  get(conversationId: ConversationId, revision?: number): Promise<Receipts>;
  /** As the log has it now. */
  fresh(conversationId: ConversationId): Promise<Receipts>;
  /** Also to be called when a kept one has grown. */
  keep(conversationId: ConversationId, receipts: Receipts): void;
};

export const createReceiptsCache = (
  store: Pick<EventStore, 'read'>,
  maxBytes = 32 * 1024 * 1024,
): ReceiptsCache => {
  const cache = new LRUCache<ConversationId, Receipts>({ maxSize: maxBytes, sizeCalculation: sizeOf });
  const keep = (conversationId: ConversationId, receipts: Receipts) => {
    cache.delete(conversationId); // it weighs only what it doesn't hold yet
    cache.set(conversationId, receipts);
  };
  const get = async (conversationId: ConversationId, revision?: number) => {
    const isIt = (kept: Receipts | undefined): kept is Receipts =>
      kept !== undefined && (revision === undefined || kept.state.revision === revision);
    const kept = cache.get(conversationId);
    if (isIt(kept)) return kept;
    const folded = await foldReceipts(store, conversationId, revision);
    // Somebody else may have been faster; there must be one of each.
    const theirs = cache.get(conversationId);
    if (isIt(theirs)) return theirs;
    keep(conversationId, folded);
    return folded;
  };
  return {
    get,
    fresh: async (conversationId) => {
      const receipts = await get(conversationId);
      for await (const one of after(store, conversationId, receipts.state.revision)) advance(receipts, one);
      keep(conversationId, receipts);
      return receipts;
    },
    keep,
  };
};

const sizeOf = ({ state }: Receipts): number => 1_000 + 150 * state.marks.size;
