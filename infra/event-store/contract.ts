import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  AppendEmpty,
  AppendTooLarge,
  EventIdReused,
  type EventStore,
  type NewEvent,
  NO_STREAM,
  START,
  StoreUnavailable,
  WrongExpectedRevision,
} from '../../domain/ports/event-store.ts';
import { compareWithModel, mixedSteps } from './contract-model.ts';
import { event, events, idsOf, newStream, plain, readToEnd, revisionsOf, take } from './contract-tools.ts';

/**
 * A store for one test. `reopen` disposes it and opens the same log again; without it the cases about that are for the adapter's
 * own tests. `cleanup` runs after the store's disposal.
 */
export type Opened = { store: EventStore; reopen?: () => Promise<EventStore>; cleanup?: () => Promise<void> };

/** The rules of the port. A log may hold other streams already: cases use streams of their own and read from their own mark. */
export const eventStoreContract = (name: string, open: () => Promise<Opened>): void => {
  describe(`${name} as an event store`, () => {
    let opened: Opened;
    let store: EventStore;
    let stream: string;

    beforeEach(async () => {
      opened = await open();
      store = opened.store;
      stream = newStream();
    });
    afterEach(async () => {
      await store[Symbol.asyncDispose]();
      await opened.cleanup?.();
    });

    /** The end of the log at this moment. */
    const mark = async () => (await store.append(newStream(), NO_STREAM, [event('mark')])).position;

    it('ES1 What was appended is there after the log is opened again', async ({ skip }) => {
      if (!opened.reopen) return skip('this adapter’s log outlives the test anyway');
      const after = await mark();
      await store.append(stream, NO_STREAM, events(3));
      const before = plain(await store.readAll(after));
      store = await opened.reopen();
      expect(plain(await store.readAll(after))).toEqual(before);
      expect(await store.append(stream, 2, [event()])).toMatchObject({ revision: 3 });
    });

    it('ES2 An append of several events is consecutive although others append at the same time', async () => {
      const after = await mark();
      const streams = Array.from({ length: 20 }, newStream);
      await Promise.all(streams.map((each) => store.append(each, NO_STREAM, events(7))));
      for (const each of streams) expect(revisionsOf(await store.read(each))).toEqual([0, 1, 2, 3, 4, 5, 6]);
      expect(await readToEnd(store, after)).toHaveLength(140);
    });

    it('ES3 An append with another revision than the stream’s writes nothing and says the actual one', async () => {
      await expect(store.append(stream, 0, [event()])).rejects.toMatchObject({
        stream,
        expected: 0,
        actual: NO_STREAM,
      });
      await store.append(stream, NO_STREAM, events(2));
      for (const expected of [NO_STREAM, 0, 2, 7]) {
        const refused = store.append(stream, expected, events(1));
        await expect(refused).rejects.toThrow(WrongExpectedRevision);
        await expect(refused).rejects.toMatchObject({
          code: 'wrong_expected_revision',
          stream,
          expected,
          actual: 1,
        });
      }
      expect(await store.read(stream)).toHaveLength(2);
    });

    it('ES3 Of many that expect the same revision one wins, and its neighbours are not hurt', async () => {
      const other = newStream();
      const race = Array.from({ length: 10 }, () => store.append(stream, NO_STREAM, events(1)));
      const neighbours = Array.from({ length: 10 }, (_, i) => store.append(other, i - 1, [event()]));
      const results = await Promise.allSettled(race);
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect((await Promise.all(neighbours)).map(({ revision }) => revision)).toEqual([
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
      ]);
    });

    it('ES4 Revisions count from 0 without gap, also over appends that do not wait for each other', async () => {
      const appends = [0, 3, 6, 9].map((before) => store.append(stream, before - 1, events(3)));
      expect((await Promise.all(appends)).map(({ revision }) => revision)).toEqual([2, 5, 8, 11]);
      expect(revisionsOf(await store.read(stream))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    });

    it('ES5 The same append again resolves to the first one’s result and writes nothing', async () => {
      const [first, second] = [events(3), events(2)];
      const results = [await store.append(stream, NO_STREAM, first), await store.append(stream, 2, second)];
      await store.append(stream, 4, events(1));
      expect([await store.append(stream, NO_STREAM, first), await store.append(stream, 2, second)]).toEqual(
        results,
      );
      expect(await store.read(stream)).toHaveLength(6);
    });

    it('ES5 Two of the same append at the same time write once', async () => {
      const after = await mark();
      const list = events(2);
      const [one, two] = await Promise.all([
        store.append(stream, NO_STREAM, list),
        store.append(stream, NO_STREAM, list),
      ]);
      expect(one).toEqual(two);
      expect(idsOf(await take(store, after, 2))).toEqual(idsOf(list));
      expect(await store.readAll(after)).toHaveLength(2);
    });

    it('ES5 A repeat is recognised after the log is opened again and after a truncation before it', async ({
      skip,
    }) => {
      if (!opened.reopen) return skip('this adapter’s log outlives the test anyway');
      const list = events(3);
      await store.append(stream, NO_STREAM, events(4));
      const result = await store.append(stream, 3, list);
      await store.truncate(stream, 5);
      store = await opened.reopen();
      expect(await store.append(stream, 3, list)).toEqual(result);
      expect(revisionsOf(await store.read(stream))).toEqual([5, 6]);
    });

    it('ES5 Other events at the place of a repeat are refused', async () => {
      const [a, b] = [event('a'), event('b')];
      await store.append(stream, NO_STREAM, [a, b]);
      await expect(store.append(stream, NO_STREAM, [b, a])).rejects.toThrow(WrongExpectedRevision);
      await expect(store.append(stream, NO_STREAM, [a, b, event()])).rejects.toThrow(WrongExpectedRevision);
      await expect(store.append(stream, NO_STREAM - 1, [event(), a])).rejects.toThrow(WrongExpectedRevision);
    });

    it('ES6 An id that the stream holds is not appended again, and the append’s other events are not written', async () => {
      const known = event();
      await store.append(stream, NO_STREAM, [known]);
      const [reused, twice, neighbour] = await Promise.allSettled([
        store.append(stream, 0, [event(), event(), known]),
        store.append(stream, 0, [
          event('1', '00000000-0000-4000-8000-000000000001'),
          event('2', '00000000-0000-4000-8000-000000000001'),
        ]),
        store.append(stream, 0, [event('fine')]),
      ]);
      expect(reused).toMatchObject({ reason: expect.any(EventIdReused) });
      expect(twice).toMatchObject({ reason: expect.any(EventIdReused) });
      expect(neighbour).toMatchObject({ value: { revision: 1 } });
      expect(await store.read(stream)).toHaveLength(2);
    });

    it('ES6 Another stream may hold the same id', async () => {
      const shared = event();
      await store.append(stream, NO_STREAM, [shared]);
      expect(await store.append(newStream(), NO_STREAM, [shared])).toMatchObject({ revision: 0 });
    });

    it('ES7 Positions have one length and rise in the order of the commits', async () => {
      const positions = [];
      for (let i = 0; i < 12; i++) positions.push((await store.append(stream, i - 1, [event()])).position);
      expect(positions.toSorted()).toEqual(positions);
      expect(new Set(positions).size).toBe(12);
      expect(new Set(positions.map(({ length }) => length)).size).toBe(1);
      expect(positions.every((position) => START < position)).toBe(true);
      expect((await store.read(stream)).map(({ position }) => position)).toEqual(positions);
    });

    it('ES8 A stream is read from a revision in both directions, page by page', async () => {
      await store.append(stream, NO_STREAM, events(5));
      await store.append(newStream(), NO_STREAM, events(5));
      expect(revisionsOf(await store.read(stream, { from: 2 }))).toEqual([2, 3, 4]);
      expect(revisionsOf(await store.read(stream, { from: 1, limit: 2 }))).toEqual([1, 2]);
      expect(revisionsOf(await store.read(stream, { backwards: true }))).toEqual([4, 3, 2, 1, 0]);
      expect(revisionsOf(await store.read(stream, { from: 2, backwards: true, limit: 2 }))).toEqual([2, 1]);
      expect(await store.read(stream, { from: 5 })).toEqual([]);
      expect(await store.read(newStream())).toEqual([]);
      expect(await store.read(newStream(), { backwards: true })).toEqual([]);
    });

    it('ES8 A page has at most 1000 events', async () => {
      await store.append(stream, NO_STREAM, events(1500));
      expect(await store.read(stream)).toHaveLength(1000);
      expect(await store.read(stream, { limit: 5000 })).toHaveLength(1000);
      expect(revisionsOf(await store.read(stream, { from: 999, limit: 1 }))).toEqual([999]);
    });

    it('ES9 The log is read from a position in commit order, and a page is short only at the end', async () => {
      const after = await mark();
      for (let i = 0; i < 25; i++)
        await store.append(i % 2 ? stream : `${stream}-other`, (i >> 1) - 1, [event(`${i}`)]);
      const all = await readToEnd(store, after, 7);
      expect(all.map(({ data }) => Buffer.from(data).toString())).toEqual(
        Array.from({ length: 25 }, (_, i) => `${i}`),
      );
      expect(plain(await store.readAll(all[9]?.position ?? ''))).toEqual(plain(all.slice(10)));
      expect(await store.readAll(all[24]?.position ?? '')).toEqual([]);
    });

    it('ES9 START is before the first event', async () => {
      const after = await mark();
      const [first] = await store.readAll(START, 1);
      expect((first?.position ?? '') <= after).toBe(true);
    });

    it('ES10 A subscription gives what is there, then what comes, each once', async () => {
      const after = await mark();
      await store.append(stream, NO_STREAM, events(30));
      const taking = take(store, after, 60);
      for (let i = 0; i < 30; i++) await store.append(stream, 29 + i, [event()]);
      const taken = await taking;
      expect(revisionsOf(taken)).toEqual(Array.from({ length: 60 }, (_, i) => i));
      expect(plain(taken)).toEqual(plain(await readToEnd(store, after)));
    });

    it('ES10 Events that are handed over live have been committed', async () => {
      const after = await mark();
      const stop = new AbortController();
      let seen = 0;
      const reading = (async () => {
        for await (const page of store.subscribe(after, stop.signal)) {
          expect(plain(await store.readAll(after, 1000)).slice(seen, seen + page.length)).toEqual(
            plain(page),
          );
          seen += page.length;
          if (seen >= 100) stop.abort();
        }
      })();
      await Promise.all(Array.from({ length: 100 }, (_, i) => store.append(stream, i - 1, [event()])));
      await reading;
      expect(seen).toBe(100);
    });

    it('ES10 A subscription ends without an error when its signal aborts, waiting or not', async () => {
      const after = await mark();
      const drain = async (signal: AbortSignal) => {
        for await (const page of store.subscribe(after, signal)) expect(page).toEqual([]);
      };
      await drain(AbortSignal.abort());
      const stop = new AbortController();
      const waiting = drain(stop.signal);
      setImmediate(() => stop.abort());
      await waiting;
    });

    it('ES10 A slow reader gets everything, and holds up nobody', async () => {
      const after = await mark();
      const big = 200 * 1024;
      const slow = store.subscribe(after, AbortSignal.timeout(15_000))[Symbol.asyncIterator]();
      const first = slow.next();
      for (let i = 0; i < 120; i++) await store.append(stream, i - 1, [event('y'.repeat(big))]);
      const revisions: number[] = [];
      for (let page = await first; !page.done; page = await slow.next()) {
        revisions.push(...revisionsOf(page.value));
        if (revisions.length >= 120) break;
      }
      await slow.return?.();
      expect(revisions).toEqual(Array.from({ length: 120 }, (_, i) => i));
    });

    it('ES11 Truncated events are gone for all readers, revisions and positions stay', async () => {
      const after = await mark();
      await store.append(stream, NO_STREAM, events(5));
      const kept = plain(await store.read(stream, { from: 3 }));
      await store.truncate(stream, 3);
      expect(plain(await store.read(stream))).toEqual(kept);
      expect(plain(await store.read(stream, { from: 1, limit: 1 }))).toEqual(kept.slice(0, 1));
      expect(plain(await store.read(stream, { backwards: true }))).toEqual(kept.toReversed());
      expect(plain(await store.readAll(after))).toEqual(kept);
      expect(plain(await take(store, after, 2))).toEqual(kept);
      expect(await store.append(stream, 4, [event()])).toMatchObject({ revision: 5 });
    });

    it('ES11 A stream of which nothing is left goes on from its last revision', async () => {
      await store.append(stream, NO_STREAM, events(5));
      const last = await store.append(stream, 4, [event()]);
      await store.truncate(stream, 100);
      expect(await store.read(stream)).toEqual([]);
      await expect(store.append(stream, NO_STREAM, [event()])).rejects.toMatchObject({ actual: 5 });
      const next = await store.append(stream, 5, [event()]);
      expect(next.revision).toBe(6);
      expect(next.position > last.position).toBe(true);
    });

    it('ES11 Truncating nothing, twice or an unknown stream is harmless', async () => {
      await store.truncate(stream, 3);
      await store.append(stream, NO_STREAM, events(4));
      await store.truncate(stream, 0);
      await store.truncate(stream, 2);
      await store.truncate(stream, 2);
      await store.truncate(stream, 1);
      expect(revisionsOf(await store.read(stream))).toEqual([2, 3]);
    });

    it('ES12 Bytes, names and types come back as they were given', async () => {
      const every = Uint8Array.from({ length: 256 }, (_, i) => i);
      const list: NewEvent[] = [
        { id: randomUUID(), type: 'Ünïcode 🦉', data: every.subarray(10, 200), meta: every },
        {
          id: '00000000-0000-0000-0000-000000000000',
          type: 'Empty',
          data: new Uint8Array(0),
          meta: new Uint8Array(0),
        },
      ];
      const odd = `${stream} – ü '"; --`;
      await store.append(odd, NO_STREAM, list);
      const stored = await store.read(odd);
      expect(
        stored.map(({ id, type, data, meta }) => ({
          id,
          type,
          data: Uint8Array.from(data),
          meta: Uint8Array.from(meta),
        })),
      ).toEqual(list.map((each) => ({ ...each, data: Uint8Array.from(each.data) })));
      expect(stored[0]).toMatchObject({ stream: odd, revision: 0 });
      expect(Math.abs((stored[0]?.recordedAt ?? 0) - Date.now())).toBeLessThan(60_000);
    });

    it('ES13 What is too large or empty is refused, what is just small enough is not', async () => {
      const sized = (data: number, meta: number): NewEvent => ({
        ...event(),
        data: new Uint8Array(data),
        meta: new Uint8Array(meta),
      });
      const quarter = 256 * 1024;
      await expect(store.append(stream, NO_STREAM, [])).rejects.toThrow(AppendEmpty);
      await expect(store.append(stream, NO_STREAM, [sized(quarter, 1)])).rejects.toThrow(AppendTooLarge);
      await expect(
        store.append(
          stream,
          NO_STREAM,
          [...Array(4).fill(0), 1].map((n) => sized(n || quarter, 0)),
        ),
      ).rejects.toThrow(AppendTooLarge);
      await expect(store.append(stream, NO_STREAM, events(2001))).rejects.toThrow(AppendTooLarge);
      expect(await store.read(stream)).toEqual([]);
      const full = [1, 2, 3, 4].map(() => sized(quarter - 10, 10));
      expect(await store.append(stream, NO_STREAM, full)).toMatchObject({ revision: 3 });
      expect(await store.append(stream, 3, events(2000))).toMatchObject({ revision: 2003 });
    });

    it('ES14 After its disposal the store refuses everything', async () => {
      await store.append(stream, NO_STREAM, events(1));
      await store[Symbol.asyncDispose]();
      await expect(store.append(stream, 0, events(1))).rejects.toThrow(StoreUnavailable);
      await expect(store.read(stream)).rejects.toThrow(StoreUnavailable);
      await expect(store.readAll(START)).rejects.toThrow(StoreUnavailable);
      await expect(store.truncate(stream, 1)).rejects.toThrow(StoreUnavailable);
      await expect(store.lag(START)).rejects.toThrow(StoreUnavailable);
      await expect(take(store, START, 1)).rejects.toThrow(StoreUnavailable);
    });

    it('ES16 Its health tells how many appends wait, and that it can’t be written when it is closed', async () => {
      const appends = events(5).map((each) => store.append(newStream(), NO_STREAM, [each]));
      expect(store.health()).toEqual({ writable: true, waiting: 5 });
      await Promise.all(appends);
      expect(store.health()).toEqual({ writable: true, waiting: 0 });
      await store[Symbol.asyncDispose]();
      expect(store.health()).toEqual({ writable: false, waiting: 0 });
    });

    it('ES14 Disposal finishes the appends that wait and ends subscriptions', async () => {
      const after = await mark();
      const ended = take(store, after, 1_000_000);
      const appends = Array.from({ length: 50 }, (_, i) => store.append(stream, i - 1, [event()]));
      await store[Symbol.asyncDispose]();
      expect(await Promise.all(appends)).toHaveLength(50);
      await ended;
    });

    it('The lag is what is behind a position, in events and in the age of the first of them', async () => {
      const after = await mark();
      expect(await store.lag(after)).toEqual({ events: 0, seconds: 0 });
      await store.append(stream, NO_STREAM, events(3));
      const lag = await store.lag(after);
      expect(lag.events).toBe(3);
      expect(lag.seconds).toBeGreaterThanOrEqual(0);
      expect(lag.seconds).toBeLessThan(60);
    });

    it('ES18 The event at a position is found by it, and nothing at any other string', async () => {
      const { position: first } = await store.append(stream, NO_STREAM, events(1));
      const { position: second } = await store.append(stream, 0, events(1));
      const [one, two] = await store.read(stream);
      expect([await store.at(first), await store.at(second)]).toEqual([one, two]);
      for (const nothing of [
        START,
        `${first}0`,
        first.slice(1),
        ` ${first.slice(1)}`,
        'x',
        '1e3',
        '-1',
        'é',
      ]) {
        expect(await store.at(nothing)).toBeUndefined();
      }
      await store.truncate(stream, 1);
      expect([await store.at(first), await store.at(second)]).toEqual([undefined, two]);
      await store[Symbol.asyncDispose]();
      await expect(store.at(second)).rejects.toThrow(StoreUnavailable);
    });

    it('ES2–ES11 Any mix of appends, repeats and truncations gives what a simple model gives', async () => {
      await fc.assert(
        fc.asyncProperty(mixedSteps, fc.nat(), async (steps, seed) =>
          compareWithModel(store, await mark(), steps, seed),
        ),
        { numRuns: 60 },
      );
    });
  });
};
