import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import {
  eventLimits,
  type EventStore,
  type NewEvent,
  type RecordedEvent,
} from '../../domain/ports/event-store.ts';

const encoder = new TextEncoder();
export const event = (text = 'x', id: string = randomUUID()): NewEvent => ({
  id,
  type: 'Tested',
  data: encoder.encode(text),
  meta: encoder.encode('meta'),
});
export const events = (count: number): NewEvent[] =>
  Array.from({ length: count }, (_, i) => event(`event ${i}`));
export const newStream = (): string => `test-${randomUUID()}`;

/** Without the class of the byte arrays, which is the adapter's choice. */
export const plain = (recorded: readonly RecordedEvent[]) =>
  recorded.map(({ data, meta, ...rest }) => ({
    ...rest,
    data: Buffer.from(data).toString('hex'),
    meta: Buffer.from(meta).toString('hex'),
  }));
export const idsOf = (list: readonly { id: string }[]) => list.map(({ id }) => id);
export const revisionsOf = (list: readonly RecordedEvent[]) => list.map(({ revision }) => revision);

/** Everything after a position, page by page. */
export const readToEnd = async (
  store: EventStore,
  after: string,
  limit: number = eventLimits.pageEvents,
): Promise<RecordedEvent[]> => {
  const all: RecordedEvent[] = [];
  for (;;) {
    const page = await store.readAll(all.at(-1)?.position ?? after, limit);
    all.push(...page);
    if (page.length < limit) return all;
  }
};

/** The first `count` events of a subscription. */
export const take = async (store: EventStore, after: string, count: number): Promise<RecordedEvent[]> => {
  const taken: RecordedEvent[] = [];
  if (count === 0) return taken;
  const stop = new AbortController();
  for await (const page of store.subscribe(after, stop.signal)) {
    expect(page.length).toBeGreaterThan(0);
    expect(page.length).toBeLessThanOrEqual(eventLimits.pageEvents);
    taken.push(...page);
    if (taken.length >= count) stop.abort();
  }
  return taken;
};
