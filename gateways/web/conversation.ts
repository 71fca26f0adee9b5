import { type Signal, batch, signal } from '@preact/signals';
import type { ConversationDetail, SequencedEvent } from '../protocol.ts';
import { ApiError } from '../client/api.ts';
import { type Timeline, fold, indexOf, join, timelineOf, trim } from '../client/fold.ts';
import { type Quotes, touchQuotes } from './quotes.ts';
import { api } from './session.ts';
import { type ReceiptsState, foldReceipts, noReceipts } from '../client/receipts.ts';
import { foldDetail } from '../client/summary.ts';
import type { ConversationId, Seq } from '../client/types.ts';

/** Rows that are kept of a conversation; what is further away is read again when somebody scrolls there. */
const MOST_ROWS = 300;
/** Missed events up to here are read one by one; after more of them the timeline starts anew. */
const FAR_BEHIND = 2_000;

/** Where a timeline was scrolled to: the places of the items that were in sight, or its end. */
export type Anchor = 'end' | readonly { readonly seq: Seq; readonly top: number }[];

type Page = { readonly what: 'all'; readonly around: Seq | undefined } | { readonly what: 'older' | 'newer' };

/** A conversation that was opened. */
export type Conversation = {
  readonly id: ConversationId;
  readonly timeline: Signal<Timeline | undefined>;
  readonly detail: Signal<ConversationDetail | undefined>;
  /** How far its members have come. */
  readonly receipts: Signal<ReceiptsState>;
  readonly loading: Signal<Page['what'] | undefined>;
  readonly failed: Signal<string | undefined>;
  /** The message that should come into sight. */
  readonly target: Signal<{ readonly seq: Seq } | undefined>;
  /** Messages beside the timeline that others are in reply to, and what is pinned. */
  readonly quotes: Quotes;
  anchor: Anchor;
  /** Events that came while something was on its way from the server, which may be older. */
  recent: SequencedEvent[];
  catching: boolean;
  reading: boolean;
  /** The page that is next, and the end of reading pages. */
  wanted: Page | undefined;
  busy: Promise<void> | undefined;
  /** The newest event that is known to have happened. */
  seen: Seq;
};

export const createConversation = (id: ConversationId, seen: Seq = -1): Conversation => ({
  id,
  timeline: signal(undefined),
  detail: signal(undefined),
  receipts: signal(noReceipts),
  loading: signal(undefined),
  failed: signal(undefined),
  target: signal(undefined),
  quotes: new Map(),
  anchor: 'end',
  recent: [],
  catching: false,
  reading: false,
  wanted: undefined,
  busy: undefined,
  seen,
});

/** Takes events in; `complete` as in `fold`. */
export const receive = (
  conversation: Conversation,
  events: readonly SequencedEvent[],
  complete = false,
): void => {
  const { timeline, loading } = conversation;
  if (loading.peek()) conversation.recent.push(...events);
  conversation.seen = Math.max(conversation.seen, events.at(-1)?.seq ?? -1);
  const now = timeline.peek();
  batch(() => {
    receiveDetail(conversation, events);
    touchQuotes(conversation.quotes, events);
    if (!now) return;
    const folded = fold(now, events, complete);
    timeline.value = bounded(folded.timeline, conversation.anchor === 'end');
    if (folded.rest.length > 0) void catchUp(conversation);
  });
};

/** Somebody who reads far above keeps what they read. */
const bounded = (timeline: Timeline, atEnd: boolean): Timeline => {
  if (atEnd) return trim(timeline, 'newer', MOST_ROWS);
  return timeline.items.length > 2 * MOST_ROWS ? trim(timeline, 'older', 2 * MOST_ROWS) : timeline;
};

const receiveDetail = (conversation: Conversation, events: readonly SequencedEvent[]) => {
  let detail = conversation.detail.peek();
  if (!detail) return;
  for (const { seq, event } of events) {
    if (seq <= detail.lastSeq) continue;
    if (seq > detail.lastSeq + 1) {
      void loadDetail(conversation);
      break;
    }
    detail = foldDetail(detail, seq, event);
  }
  conversation.detail.value = detail;
};

/** Members and pins, with every event that was seen. */
export const loadDetail = async (conversation: Conversation): Promise<void> => {
  if (conversation.reading) return;
  conversation.reading = true;
  try {
    for (;;) {
      const { id, seen } = conversation;
      const detail = await api.conversation(id, seen < 0 ? undefined : seen);
      conversation.detail.value = detail;
      if (detail.lastSeq >= conversation.seen) return;
    }
  } catch (error) {
    conversation.failed.value ??= messageOf(error);
  } finally {
    conversation.reading = false;
  }
};

/** How far its members have come; what is told meanwhile is kept, since marks only rise. */
export const loadReceipts = async ({ id, receipts }: Conversation): Promise<void> => {
  try {
    const { marks } = await api.receipts(id);
    receipts.value = foldReceipts(receipts.peek(), { marks });
  } catch {
    // Ticks are less than they could be until the next start.
  }
};

/** Events up to this one happened: what is shown is to have them. */
export const expectSeq = (conversation: Conversation, seq: Seq): void => {
  conversation.seen = Math.max(conversation.seen, seq);
  const detail = conversation.detail.peek();
  if (detail && detail.lastSeq < seq) void loadDetail(conversation);
  if (isBehind(conversation)) void catchUp(conversation);
};

const isBehind = ({ timeline, seen }: Conversation): boolean => {
  const now = timeline.peek();
  return now !== undefined && now.lastSeq < seen;
};

/** Reads what was missed, to the end. */
export const catchUp = async (conversation: Conversation): Promise<void> => {
  if (conversation.catching || !conversation.timeline.peek()) return;
  conversation.catching = true;
  try {
    for (;;) {
      const from = conversation.timeline.peek()?.lastSeq ?? -1;
      const { events, lastSeq } = await api.events(conversation.id, from);
      conversation.seen = Math.max(conversation.seen, lastSeq);
      if (lastSeq - from > FAR_BEHIND) {
        await Promise.all([load(conversation), loadDetail(conversation)]);
        if ((conversation.timeline.peek()?.lastSeq ?? -1) <= from) return;
        continue;
      }
      receive(conversation, events, true);
      const now = conversation.timeline.peek();
      if (events.length === 0 && now)
        conversation.timeline.value = { ...now, lastSeq: Math.max(now.lastSeq, lastSeq) };
      if (events.length === 0 || !isBehind(conversation)) return;
    }
  } catch (error) {
    conversation.failed.value = messageOf(error);
  } finally {
    conversation.catching = false;
  }
};

const messageOf = (error: unknown): string => {
  if (error instanceof ApiError && error.status === 404) return 'This conversation is not among yours.';
  return error instanceof Error ? error.message : String(error);
};

/** The newest page, or the one around a message: after what is on its way, and instead of what else was to come then. */
export const load = (conversation: Conversation, around?: Seq): Promise<void> =>
  want(conversation, { what: 'all', around });

export const loadMore = (conversation: Conversation, side: 'older' | 'newer'): Promise<void> =>
  conversation.busy ?? want(conversation, { what: side });

const want = (conversation: Conversation, page: Page): Promise<void> => {
  conversation.wanted = page;
  conversation.busy ??= readPages(conversation);
  return conversation.busy;
};

const readPages = async (conversation: Conversation): Promise<void> => {
  const { loading, failed } = conversation;
  for (let page = conversation.wanted; page; page = conversation.wanted) {
    conversation.wanted = undefined;
    loading.value = page.what;
    try {
      await (page.what === 'all' ? begin(conversation, page.around) : extend(conversation, page.what));
      failed.value = undefined;
    } catch (error) {
      failed.value = messageOf(error);
    }
    conversation.recent = [];
  }
  conversation.busy = undefined;
  loading.value = undefined;
  if (isBehind(conversation)) void catchUp(conversation);
};

const begin = async (conversation: Conversation, around: Seq | undefined): Promise<void> => {
  const lastSeq = Math.max(conversation.timeline.peek()?.lastSeq ?? -1, conversation.seen);
  const atLeast = lastSeq < 0 ? {} : { atLeast: lastSeq };
  const page = await api.messages(conversation.id, around === undefined ? atLeast : { ...atLeast, around });
  conversation.anchor = around === undefined ? 'end' : [];
  // What happened in between does not come as events.
  if (page.lastSeq > (conversation.timeline.peek()?.lastSeq ?? -1)) conversation.quotes.clear();
  conversation.seen = Math.max(conversation.seen, page.lastSeq);
  conversation.timeline.value = fold(timelineOf(page), conversation.recent).timeline;
};

const extend = async (conversation: Conversation, side: 'older' | 'newer'): Promise<void> => {
  const start = conversation.timeline.peek();
  const from = side === 'older' ? start?.before : start?.after;
  if (!start || from === undefined) return;
  const place = side === 'older' ? { before: from } : { after: from };
  const page = await api.messages(conversation.id, { ...place, atLeast: start.lastSeq });
  const now = conversation.timeline.peek();
  if (now) conversation.timeline.value = trim(join(now, side, page, conversation.recent), side, MOST_ROWS);
};

/** Brings a message into sight, wherever it is. */
export const jumpTo = async (conversation: Conversation, seq: Seq): Promise<void> => {
  const items = conversation.timeline.peek()?.items ?? [];
  if (indexOf(items, seq) < 0) await load(conversation, seq);
  conversation.target.value = { seq };
};
