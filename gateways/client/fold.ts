import type { Message, SequencedEvent, TimelineItem, TimelinePage } from '../protocol.ts';
import type { ConversationEvent, Seq } from './types.ts';

/**
 * A stretch of a conversation, oldest first. `before` and `after` say from where to ask for what is not here.
 * Every event up to `lastSeq` is folded in.
 */
export type Timeline = {
  readonly items: readonly TimelineItem[];
  readonly before: Seq | undefined;
  readonly after: Seq | undefined;
  readonly lastSeq: Seq;
};

export const timelineOf = ({ items, before, after, lastSeq }: TimelinePage): Timeline => ({
  items,
  before,
  after,
  lastSeq,
});

/**
 * Folds what is next, ignores what is already there and stops at a gap: `rest` waits for what is missing. Events that the
 * server read from the log are `complete`: what is missing between them can't be read by anybody.
 */
export const fold = (
  timeline: Timeline,
  events: readonly SequencedEvent[],
  complete = false,
): { timeline: Timeline; rest: readonly SequencedEvent[] } => {
  let { items, lastSeq } = timeline;
  for (const [index, { seq, event }] of events.entries()) {
    if (seq <= lastSeq) continue;
    if (seq > lastSeq + 1 && !complete)
      return { timeline: { ...timeline, items, lastSeq }, rest: events.slice(index) };
    lastSeq = seq;
    items = apply(items, timeline.after === undefined, seq, event);
  }
  return { timeline: lastSeq === timeline.lastSeq ? timeline : { ...timeline, items, lastSeq }, rest: [] };
};

/** `atEnd`: new items belong here. A page that was read ahead of the events may hold them already. */
const apply = (
  items: readonly TimelineItem[],
  atEnd: boolean,
  seq: Seq,
  event: ConversationEvent,
): readonly TimelineItem[] => {
  const item = itemOf(seq, event);
  if (item) return atEnd && (items.at(-1)?.seq ?? -1) < seq ? [...items, item] : items;
  if (!('seq' in event)) return items;
  const at = indexOf(items, event.seq);
  const found = items[at];
  if (found?.kind !== 'message') return items;
  const touched = touch(found, event);
  return touched === found ? items : items.with(at, touched);
};

const itemOf = (seq: Seq, event: ConversationEvent): TimelineItem | undefined => {
  const { by, at } = event;
  if (event.type === 'MessageSent') {
    const { clientId, content, mentions, replyTo } = event;
    const reply = replyTo === undefined ? {} : { replyTo };
    return { kind: 'message', seq, by, at, clientId, content, ...reply, mentions, reactions: [] };
  }
  return 'seq' in event ? undefined : { kind: 'notice', seq, by, at, event };
};

/** The message after an event about it. Events that it already knows leave it as it is in the end. */
export const touch = (message: Message, event: ConversationEvent): Message => {
  if (message.redacted) return message;
  const { by, at } = event;
  switch (event.type) {
    case 'MessageEdited':
      return { ...message, content: event.content, mentions: event.mentions, editedAt: at };
    case 'MessageRedacted': {
      const { content: _content, pinned: _pinned, editedAt: _editedAt, ...rest } = message;
      const reason = event.reason === undefined ? {} : { reason: event.reason };
      return { ...rest, mentions: [], reactions: [], redacted: { by, at, ...reason } };
    }
    case 'MessagePinned':
      return { ...message, pinned: { by, at } };
    case 'MessageUnpinned': {
      const { pinned: _pinned, ...rest } = message;
      return rest;
    }
    case 'ReactionAdded': {
      const known = message.reactions.some(({ emoji }) => emoji === event.emoji);
      const before = known ? message.reactions : [...message.reactions, { emoji: event.emoji, userIds: [] }];
      const reactions = before.map((reaction) =>
        reaction.emoji === event.emoji
          ? { ...reaction, userIds: [...reaction.userIds.filter((userId) => userId !== by), by] }
          : reaction,
      );
      return { ...message, reactions: reactions.toSorted((a, b) => (a.emoji < b.emoji ? -1 : 1)) };
    }
    case 'ReactionRemoved': {
      const reactions = message.reactions
        .map((reaction) =>
          reaction.emoji === event.emoji
            ? { ...reaction, userIds: reaction.userIds.filter((userId) => userId !== by) }
            : reaction,
        )
        .filter(({ userIds }) => userIds.length > 0);
      return { ...message, reactions };
    }
    default:
      return message;
  }
};

/** Where the item is, by bisection; -1 when it is not here. */
export const indexOf = (items: readonly TimelineItem[], seq: Seq): number => {
  let low = 0;
  let high = items.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = items[middle]?.seq ?? 0;
    if (found === seq) return middle;
    if (found < seq) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
};

/**
 * Puts a page of older or newer items at its side of the timeline. `recent` are the events that were folded while the
 * page was on its way: it is brought up to date first.
 */
export const join = (
  timeline: Timeline,
  side: 'older' | 'newer',
  page: TimelinePage,
  recent: readonly SequencedEvent[],
): Timeline => {
  const fresh = fold(timelineOf(page), recent).timeline;
  const first = timeline.items[0]?.seq ?? Number.POSITIVE_INFINITY;
  const last = timeline.items.at(-1)?.seq ?? -1;
  if (side === 'older') {
    const older = fresh.items.filter(({ seq }) => seq < first);
    return { ...timeline, items: [...older, ...timeline.items], before: fresh.before };
  }
  const newer = fresh.items.filter(({ seq }) => seq > last);
  return { ...timeline, items: [...timeline.items, ...newer], after: fresh.after };
};

/** Drops what is furthest from the side that grew, so that at most `most` rows stay; notices in a row are one. */
export const trim = (timeline: Timeline, grew: 'older' | 'newer', most: number): Timeline => {
  const { items } = timeline;
  const step = grew === 'older' ? 1 : -1;
  let rows = 0;
  let kind = '';
  for (let index = grew === 'older' ? 0 : items.length - 1; items[index]; index += step) {
    const item = items[index];
    if (item?.kind === 'message' || kind !== 'notice') rows += 1;
    kind = item?.kind ?? '';
    if (rows <= most) continue;
    if (grew === 'older') {
      const kept = items.slice(0, index);
      return { ...timeline, items: kept, after: kept.at(-1)?.seq };
    }
    const kept = items.slice(index + 1);
    return { ...timeline, items: kept, before: kept[0]?.seq };
  }
  return timeline;
};
