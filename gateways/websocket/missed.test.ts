import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EventStore } from '../../domain/ports/event-store.ts';
import { event, newStream, revisionsOf } from '../../infra/event-store/contract-tools.ts';
import { openTemporaryStore, withReads } from '../../infra/testing/command-side.ts';
import { missedOf } from './missed.ts';

let temporary: Awaited<ReturnType<typeof openTemporaryStore>>;
let store: EventStore;
beforeAll(async () => {
  temporary = await openTemporaryStore();
  ({ store } = temporary);
});
afterAll(() => temporary[Symbol.asyncDispose]());

/** A stream of so many events, with events of another one between them; the position of each. */
const filled = async (count: number) => {
  const [stream, other] = [newStream(), newStream()];
  const list = Array.from({ length: count }, () => event('x'));
  const half = Math.floor(count / 2);
  if (half > 0) await store.append(stream, -1, list.slice(0, half));
  await store.append(other, -1, [event()]);
  await store.append(stream, half - 1, list.slice(half));
  const all = [];
  for (let from = 0; from < count; from += 1_000) all.push(...(await store.read(stream, { from })));
  return { stream, positions: all.map(({ position }) => position) };
};
const plenty = { events: 10_000, bytes: 10_000_000 };

describe('what was missed of a stream', () => {
  it('is what a stretch of the log holds of it, or the place before it', async () => {
    const { stream, positions } = await filled(150);
    const place = fc.integer({ min: -1, max: 149 });
    await fc.assert(
      fc.asyncProperty(place, place, fc.nat({ max: 160 }), place, async (after, upTo, events, last) => {
        const stretch = { after: positions[after] ?? '', upTo: positions[upTo] ?? '' };
        const lastRevision = last < 0 ? undefined : last;
        const end = Math.min(upTo, lastRevision ?? upTo);
        const expected = positions.flatMap((_, seq) => (seq > after && seq <= end ? [seq] : []));
        const missed = await missedOf(store, stream, stretch, { events, bytes: 1_000_000 }, lastRevision);
        const shown = missed && 'events' in missed ? revisionsOf(missed.events) : missed;
        const named = { before: after, last: end };
        expect(shown).toEqual(
          [undefined, expected, named][Math.sign(expected.length) + Number(expected.length > events)],
        );
      }),
      { numRuns: 200 },
    );
  });

  it('is bounded by its bytes too', async () => {
    const { stream, positions } = await filled(10);
    const stretch = { after: positions[2] ?? '', upTo: positions[9] ?? '' };
    expect(await missedOf(store, stream, stretch, { events: 10, bytes: 6 })).toEqual({ before: 2, last: 9 });
    expect(await missedOf(store, stream, stretch, { events: 10, bytes: 7 })).toHaveProperty(
      'events.length',
      7,
    );
  });

  it('takes one read when it is little, and few when it is much', async () => {
    const { stream, positions } = await filled(2_000);
    let reads = 0;
    const counting = withReads(store, () => (reads += 1));
    const upTo = positions.at(-1) ?? '';
    await missedOf(counting, stream, { after: positions.at(-4) ?? '', upTo }, plenty);
    expect(reads).toBe(1);
    reads = 0;
    const far = await missedOf(
      counting,
      stream,
      { after: positions[3] ?? '', upTo },
      { events: 500, bytes: 1e6 },
    );
    expect(far).toEqual({ before: 3, last: 1_999 });
    expect(reads).toBeLessThan(8 + 12);
  });

  it('begins with what is left when the beginning was removed', async () => {
    const { stream, positions } = await filled(100);
    await store.truncate(stream, 40);
    const stretch = { after: '', upTo: positions.at(-1) ?? '' };
    const missed = await missedOf(store, stream, stretch, plenty);
    expect(missed && 'events' in missed && revisionsOf(missed.events)[0]).toBe(40);
    expect(await missedOf(store, stream, stretch, { events: 5, bytes: 1e6 })).toEqual({
      before: -1,
      last: 99,
    });
  });

  it('is nothing for a stream that is not there', async () => {
    const stretch = { after: '', upTo: await store.end() };
    expect(await missedOf(store, newStream(), stretch, plenty)).toBeUndefined();
  });
});
