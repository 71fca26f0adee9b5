import { type Signal, batch, signal } from '@preact/signals';
import type { ConversationDetail, SequencedEvent } from '../protocol.ts';
import { ApiError, api } from './api.ts';
import { type Timeline, fold, indexOf, join, timelineOf, trim } from './fold.ts';
import { foldDetail } from './summary.ts';
import type { ConversationId, Seq } from './types.ts';

/** Rows that are kept of a conversation; what is further away is read again when somebody scrolls there. */
const MOST_ROWS = 300;
/** Missed events up to here are read one by one; after more of them the timeline starts anew. */
const FAR_BEHIND = 2_000;

/** Where a timeline was scrolled to: the places of the items that were in sight, or its end. */
export type Anchor = 'end' | readonly { readonly seq: Seq; readonly top: number }[];

/** A conversation that was opened. */
export type Conversation = {
  readonly id: ConversationId;
  readonly timeline: Signal<Timeline | undefined>;
  readonly detail: Signal<ConversationDetail | undefined>;
  readonly loading: Signal<'older' | 'newer' | 'all' | undefined>;
  readonly failed: Signal<string | undefined>;
  /** The message that should come into sight. */
  readonly target: Signal<{ readonly seq: Seq } | undefined>;
  anchor: Anchor;
  /** Events that came while something was on its way from the server, which may be older. */
  recent: SequencedEvent[];
  catching: boolean;
  reading: boolean;
  /** The newest event that is known to have happened. */
  seen: Seq;
};

export const createConversation = (id: ConversationId): Conversation => ({
  id,
  timeline: signal(undefined),
  detail: signal(undefined),
  loading: signal(undefined),
  failed: signal(undefined),
  target: signal(undefined),
  anchor: 'end',
  recent: [],
  catching: false,
  reading: false,
  seen: -1,
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

/** Reads what was missed, to the end. */
export const catchUp = async (conversation: Conversation): Promise<void> => {
  if (conversation.catching || !conversation.timeline.peek()) return;
  conversation.catching = true;
  try {
    for (;;) {
      const from = conversation.timeline.peek()?.lastSeq ?? -1;
      const { events, lastSeq } = await api.events(conversation.id, from);
      if (lastSeq - from > FAR_BEHIND) {
        await Promise.all([load(conversation), loadDetail(conversation)]);
        return;
      }
      receive(conversation, events, true);
      const now = conversation.timeline.peek();
      if (events.length === 0 && now) conversation.timeline.value = { ...now, lastSeq };
      if (!now || now.lastSeq >= lastSeq) return;
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

/** The newest page, or the one around a message. */
export const load = async (conversation: Conversation, around?: Seq): Promise<void> => {
  await loadingAs(conversation, 'all', async () => {
    const lastSeq = conversation.timeline.peek()?.lastSeq;
    const atLeast = lastSeq === undefined ? {} : { atLeast: lastSeq };
    const page = await api.messages(conversation.id, around === undefined ? atLeast : { ...atLeast, around });
    conversation.anchor = around === undefined ? 'end' : [];
    const { timeline, rest } = fold(timelineOf(page), conversation.recent);
    conversation.timeline.value = timeline;
    return rest.length > 0;
  });
};

export const loadMore = async (conversation: Conversation, side: 'older' | 'newer'): Promise<void> => {
  const start = conversation.timeline.peek();
  const from = side === 'older' ? start?.before : start?.after;
  if (!start || from === undefined) return;
  const place = side === 'older' ? { before: from } : { after: from };
  await loadingAs(conversation, side, async () => {
    const page = await api.messages(conversation.id, { ...place, atLeast: start.lastSeq });
    const now = conversation.timeline.peek();
    if (now) conversation.timeline.value = trim(join(now, side, page, conversation.recent), side, MOST_ROWS);
    return false;
  });
};

const loadingAs = async (
  conversation: Conversation,
  what: 'older' | 'newer' | 'all',
  work: () => Promise<boolean>,
): Promise<void> => {
  const { loading, failed } = conversation;
  if (loading.peek()) return;
  loading.value = what;
  let behind = false;
  try {
    behind = await work();
    failed.value = undefined;
  } catch (error) {
    failed.value = messageOf(error);
  } finally {
    conversation.recent = [];
    loading.value = undefined;
  }
  if (behind) await catchUp(conversation);
};

/** Brings a message into sight, wherever it is. */
export const jumpTo = async (conversation: Conversation, seq: Seq): Promise<void> => {
  const items = conversation.timeline.peek()?.items ?? [];
  if (indexOf(items, seq) < 0) await load(conversation, seq);
  conversation.target.value = { seq };
};
