import { type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { Message, SequencedEvent } from '../protocol.ts';
import { api } from './session.ts';
import { type Timeline, indexOf, touch } from '../client/fold.ts';
import type { ConversationEvent, ConversationId, Seq } from '../client/types.ts';

/** More than can be in sight: one that is must get its events. */
const MOST = 800;

type Quote = {
  readonly shown: Signal<Message | undefined>;
  /** Events about it that came while it was on its way, which may be older. */
  readonly recent: ConversationEvent[];
};

/** Messages of one conversation that were read to be shown beside its timeline. */
export type Quotes = Map<Seq, Quote>;

type Source = {
  readonly id: ConversationId;
  readonly timeline: ReadonlySignal<Timeline | undefined>;
  readonly quotes: Quotes;
  readonly seen: Seq;
};

const fetchMessage = ({ id, quotes, seen }: Source, seq: Seq): Signal<Message | undefined> => {
  const found = quotes.get(seq);
  if (found) return found.shown;
  const fresh: Quote = { shown: signal(undefined), recent: [] };
  quotes.set(seq, fresh);
  for (const oldest of quotes.keys()) {
    if (quotes.size <= MOST) break;
    quotes.delete(oldest);
  }
  api.messages(id, { around: seq, limit: 1, ...(seen >= 0 && { atLeast: seen }) }).then(
    ({ items: [item] }) => {
      if (item?.kind === 'message' && item.seq === seq) fresh.shown.value = fresh.recent.reduce(touch, item);
    },
    () => quotes.get(seq) === fresh && quotes.delete(seq),
  );
  return fresh.shown;
};

/** Quotes follow what happens to their messages: what was taken back is not shown. */
export const touchQuotes = (quotes: Quotes, events: readonly SequencedEvent[]): void => {
  for (const { event } of events) {
    const quote = 'seq' in event ? quotes.get(event.seq) : undefined;
    if (!quote) continue;
    const { value } = quote.shown;
    if (value) quote.shown.value = touch(value, event);
    else quote.recent.push(event);
  }
};

/** A message to show beside the timeline: from it when it is there, else read once; undefined meanwhile. */
export const quoted = (source: Source, seq: Seq): Message | undefined => {
  const items = source.timeline.value?.items ?? [];
  const found = items[indexOf(items, seq)];
  return found?.kind === 'message' ? found : fetchMessage(source, seq).value;
};

/** A message in a line. */
export const summaryOf = (message: Message | undefined): string => {
  if (!message) return '…';
  return message.content?.text.replaceAll(/\s+/g, ' ').slice(0, 200) ?? 'Message deleted';
};
