import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { receiptsCodec } from '../domain/codec.ts';
import type { ConversationEvent } from '../domain/conversation-event.ts';
import { type ConversationId, receiptsStreamOf } from '../domain/id.ts';
import { AppendTooLarge, type EventStore, StoreUnavailable } from '../domain/ports/event-store.ts';
import { type Progress, type ReceiptsEvent, evolveReceipts, initialReceipts } from '../domain/receipts.ts';
import { type Fault, openTemporaryStore, withFaults } from '../infra/testing/command-side.ts';
import { cast } from '../infra/testing/conversation-arbitrary.ts';
import { append, at, messageSent, newConversationId, temporaryTables } from '../infra/testing/read-side.ts';
import { marksOf, receipts as receiptsView } from '../projections/receipts.ts';
import { runProjections } from '../projections/run.ts';
import { appendLimits } from './append-marks.ts';
import { createConversations } from './conversations.ts';
import { createHandle } from './handle.ts';
import { createMarks, type MarkDeps } from './mark.ts';
import { createReceiptsCache, foldReceipts } from './receipts.ts';

let temporary: Awaited<ReturnType<typeof openTemporaryStore>>;
let store: EventStore;
beforeAll(async () => {
  temporary = await openTemporaryStore();
  store = temporary.store;
});
afterAll(() => temporary[Symbol.asyncDispose]());

const [ann = '', ben = '', cat = '', dan = ''] = cast;

/** A group of ann, ben and cat whose last event has the seq `end`. */
const founded = async (end: number): Promise<ConversationId> => {
  const id = newConversationId();
  const founding: ConversationEvent[] = [
    { type: 'ConversationCreated', by: ann, at, kind: 'group', title: 'plans' },
    ...[ann, ben, cat].map(
      (userId): ConversationEvent => ({ type: 'MemberJoined', by: ann, at, userId, role: 'member' }),
    ),
  ];
  await append(store, id, [
    ...founding,
    ...Array.from({ length: end + 1 - founding.length }, (_, n) => messageSent(n)),
  ]);
  return id;
};

/** The marks of a process just started. */
const marksOver = (over: EventStore, more: Partial<MarkDeps> = {}) =>
  createMarks({
    store: over,
    conversations: createConversations(over),
    receipts: createReceiptsCache(over),
    preferences: { of: () => ({ shareReadReceipts: true, sharePresence: true }) },
    now: () => at,
    paceMs: 0,
    ...more,
  });

const written = async (id: ConversationId): Promise<ReceiptsEvent[]> => {
  const events: ReceiptsEvent[] = [];
  for (;;) {
    const page = await store.read(receiptsStreamOf(id), { from: events.length });
    if (page.length === 0) return events;
    events.push(...page.map(({ type, data }) => receiptsCodec.decode(type, data)));
  }
};
const folded = (events: readonly ReceiptsEvent[]): Map<string, Progress> =>
  events.reduce((state, event, revision) => evolveReceipts(state, revision, event), initialReceipts()).marks;

/** The same store, whose appends wait for what `gate` gives. */
const gated = (gate: () => Promise<void>): EventStore => ({
  ...withFaults(
    store,
    () => undefined,
    () => new Error('no fault'),
  ),
  append: (...one) => gate().then(() => store.append(...one)),
});

const isBack = (before: Progress | undefined, now: Progress) =>
  now.delivered < (before?.delivered ?? -1) ||
  (now.read ?? -1) < (before?.read ?? -1) ||
  (now.shown ?? -1) < (before?.shown ?? -1);

describe('marks', () => {
  it('of a quiet conversation are written at once, and what comes soon after together', async () => {
    const id = await founded(9);
    const marks = marksOver(store, { paceMs: 60_000 });
    expect(await marks.mark({ by: ann, conversationId: id, delivered: 5 })).toBeUndefined();
    await marks.durable(id);
    for (const by of [ann, ben, cat])
      for (const delivered of [6, 7, 8]) await marks.mark({ by, conversationId: id, delivered });
    expect(await written(id)).toHaveLength(1);
    await marks[Symbol.asyncDispose]();
    expect((await written(id)).map((event) => event.marks)).toEqual([
      [{ userId: ann, delivered: 5 }],
      [ann, ben, cat].map((userId) => ({ userId, delivered: 8 })),
    ]);
  });

  it('are refused beyond the end, going back, and to those who are no members; said again they are not written', async () => {
    const id = await founded(9);
    const outcomes: string[] = [];
    await using marks = marksOver(store, { observe: (outcome) => outcomes.push(outcome) });
    const mark = (by: string, wish: { delivered?: number; read?: number }, conversationId = id) =>
      marks.mark({ by, conversationId, ...wish });
    expect(await mark(ann, { read: 9 })).toBeUndefined();
    expect(await mark(ann, { read: 9 })).toBeUndefined();
    await marks.durable(id);
    expect(await mark(ann, { read: 9 })).toBeUndefined();
    expect(await mark(ann, { read: 8 })).toMatchObject({ rejected: 'mark_behind' });
    expect(await mark(ben, { delivered: 10 })).toMatchObject({ rejected: 'mark_beyond_end' });
    expect(await mark(dan, { delivered: 1 })).toMatchObject({ rejected: 'conversation_not_found' });
    const nowhere = newConversationId();
    expect(await mark(ann, { delivered: 0 }, nowhere)).toMatchObject({ rejected: 'conversation_not_found' });
    await marks.durable(id);
    expect(await written(id)).toHaveLength(1);
    expect(outcomes.slice(0, 4)).toEqual(['accepted', 'unchanged', 'unchanged', 'mark_behind']);
  });

  it('that come while others are being written are written after them, if their person is still there', async () => {
    const id = await founded(9);
    const gates: (() => void)[] = [];
    const slow = gated(() => new Promise<void>((resolve) => gates.push(resolve)));
    const conversations = createConversations(store);
    const marks = marksOver(slow, { conversations });
    await marks.mark({ by: ann, conversationId: id, delivered: 4 });
    await marks.mark({ by: cat, conversationId: id, delivered: 4 });
    while (gates.length === 0) await nextTurn();
    await marks.mark({ by: ann, conversationId: id, delivered: 6 });
    await marks.mark({ by: ben, conversationId: id, delivered: 5 });
    await marks.mark({ by: cat, conversationId: id, delivered: 5 });
    const leave = { type: 'LeaveConversation', id: 'x', by: cat, at } as const;
    await createHandle({ store, conversations, recollection: () => Promise.resolve(undefined) })(id, leave);
    const closed = marks[Symbol.asyncDispose]();
    gates.shift()?.();
    while (gates.length === 0) await nextTurn();
    gates.shift()?.();
    await closed;
    expect((await written(id)).map((event) => event.marks)).toEqual([
      [ann, cat].map((userId) => ({ userId, delivered: 4 })),
      [
        { userId: ann, delivered: 6 },
        { userId: ben, delivered: 5 },
      ],
    ]);
  });

  it('are taken of what others have written, and not of what is not durable yet', async () => {
    const id = await founded(9);
    let letGo = () => {};
    const durable = new Promise<void>((resolve) => (letGo = resolve));
    const slow = gated(() => durable);
    const conversations = createConversations(slow);
    await using marks = marksOver(store, { conversations });
    const handle = createHandle({
      store: slow,
      conversations,
      recollection: () => Promise.resolve(undefined),
    });
    expect(await marks.mark({ by: ann, conversationId: id, delivered: 9 })).toBeUndefined();
    const says = (text: string) =>
      handle(id, {
        type: 'SendMessage',
        id: text,
        by: ann,
        at,
        content: { kind: 'text', text },
        mentions: [],
      });
    const said = Promise.all([says('a'), says('b')]);
    for (let turn = 0; turn < 5; turn += 1) {
      const early = await marks.mark({ by: ann, conversationId: id, delivered: 10 });
      expect(early).toMatchObject({ rejected: 'mark_beyond_end' });
    }
    letGo();
    await said;
    expect(await marks.mark({ by: ann, conversationId: id, delivered: 11 })).toBeUndefined();
    await append(store, id, [messageSent(1)], 11);
    expect(await marks.mark({ by: ann, conversationId: id, delivered: 12 })).toBeUndefined();
  });

  it('of reading are kept from others when the person wants that', async () => {
    const id = await founded(9);
    const preferences = { of: async () => ({ shareReadReceipts: false, sharePresence: true }) };
    await using marks = marksOver(store, { preferences });
    await marks.mark({ by: ann, conversationId: id, read: 7 });
    await marks.durable(id);
    expect(await written(id)).toMatchObject([{ marks: [{ userId: ann, delivered: 7, read: 7 }] }]);
    expect((await written(id))[0]?.marks[0]).not.toHaveProperty('shown');
  });

  it('are written before they are disposed of, and taken no more', async () => {
    const id = await founded(9);
    const marks = marksOver(store, { paceMs: 60_000 });
    await marks.mark({ by: ann, conversationId: id, delivered: 1 });
    await marks.durable(id);
    await marks.mark({ by: ann, conversationId: id, delivered: 2 });
    await marks[Symbol.asyncDispose]();
    expect(folded(await written(id)).get(ann)).toEqual({ userId: ann, delivered: 2 });
    await expect(marks.mark({ by: ann, conversationId: id, delivered: 3 })).rejects.toThrow(StoreUnavailable);
  });
});

describe('a store that can’t take marks', () => {
  for (const fault of ['before', 'after'] as const) {
    it(`for a while is asked again, and has each once (it fails ${fault} the append)`, async () => {
      const id = await founded(9);
      const faults: Fault[] = [fault, fault, undefined, fault, undefined];
      const failing = withFaults(
        store,
        () => faults.shift(),
        () => new StoreUnavailable('the test says so'),
      );
      await using marks = marksOver(failing);
      await marks.mark({ by: ann, conversationId: id, delivered: 4 });
      await marks.mark({ by: ben, conversationId: id, read: 3 });
      await marks.durable(id);
      await marks.mark({ by: ann, conversationId: id, delivered: 6 });
      await marks.durable(id);
      const events = await written(id);
      expect(events).toHaveLength(2);
      expect([...folded(events).values()]).toEqual([
        { userId: ann, delivered: 6 },
        { userId: ben, delivered: 3, read: 3, shown: 3 },
      ]);
    });
  }

  it('for good has them dropped, and can be said to be out of order', async () => {
    const id = await founded(9);
    const errors: unknown[] = [];
    let broken = true;
    const failing = withFaults(
      store,
      () => (broken ? 'before' : undefined),
      () => new AppendTooLarge('the test says so'),
    );
    await using marks = marksOver(failing, { onError: (error) => errors.push(error) });
    await marks.mark({ by: ann, conversationId: id, delivered: 4 });
    await expect(marks.durable(id)).rejects.toThrow(AppendTooLarge);
    expect(errors).toHaveLength(1);
    broken = false;
    await marks.mark({ by: ann, conversationId: id, delivered: 4 });
    await marks.durable(id);
    expect(folded(await written(id)).get(ann)?.delivered).toBe(4);
  });

  it('when the process ends is asked once more, and no longer', async () => {
    const id = await founded(9);
    const failing = withFaults(
      store,
      () => 'before',
      () => new StoreUnavailable('the test says so'),
    );
    const marks = marksOver(failing, { paceMs: 60_000 });
    await marks.mark({ by: ann, conversationId: id, delivered: 4 });
    const [given] = await Promise.allSettled([marks.durable(id), marks[Symbol.asyncDispose]()]);
    expect(given).toMatchObject({ reason: expect.any(StoreUnavailable) });
    expect(await written(id)).toEqual([]);
  });
});

describe('the stream of receipts', () => {
  it('says everything now and then, without those who have left, so that folding it takes a bounded number of events', async () => {
    const end = appendLimits.fullEvents + 20;
    const id = await founded(end);
    const conversations = createConversations(store);
    await using marks = marksOver(store, { conversations });
    for (const by of [ben, cat]) await marks.mark({ by, conversationId: id, read: 5 });
    await marks.durable(id);
    const leave = { type: 'LeaveConversation', id: 'x', by: cat, at } as const;
    await createHandle({ store, conversations, recollection: () => Promise.resolve(undefined) })(id, leave);
    for (let n = 1; n <= appendLimits.fullEvents + 1; n += 1) {
      await marks.mark({ by: ann, conversationId: id, delivered: n });
      await marks.durable(id);
    }
    const events = await written(id);
    const full = events.flatMap(({ others }, revision) => (others ? [revision] : []));
    expect(full).toEqual([0, appendLimits.fullEvents]);
    expect(events[appendLimits.fullEvents]).toMatchObject({
      marks: [{ userId: ann, delivered: appendLimits.fullEvents }],
      others: [{ userId: ben, read: 5 }],
    });
    for (const revision of [...events.keys(), undefined]) {
      const { state } = await foldReceipts(store, id, revision);
      const until = (revision ?? events.length - 1) + 1;
      expect(state).toEqual({ revision: until - 1, marks: folded(events.slice(0, until)) });
    }
  });

  it('ends with the highest of each, whoever marks when on which writer, moves nobody back, and is what the view says', async () => {
    await using tables = await temporaryTables();
    await using running = runProjections({ store, tables, projections: [receiptsView] });
    const END = 30;
    const step = fc.record({
      writer: fc.nat(1),
      by: fc.constantFrom(ann, ben, cat),
      seqs: fc.record(
        { delivered: fc.nat(END), read: fc.nat(END) },
        { requiredKeys: [], noNullPrototype: true },
      ),
      next: fc.constantFrom('go on', 'go on', 'settle', 'yield'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const id = await founded(END);
        const writers = [marksOver(store), marksOver(store)];
        const highest = new Map<string, { delivered: number; read: number }>();
        const asked: Promise<unknown>[] = [];
        for (const { writer, by, seqs, next } of steps) {
          const { delivered = -1, read = -1 } = seqs;
          if (delivered < 0 && read < 0) continue;
          const before = highest.get(by) ?? { delivered: -1, read: -1 };
          highest.set(by, {
            delivered: Math.max(before.delivered, delivered, read),
            read: Math.max(before.read, read),
          });
          asked.push(writers[writer]?.mark({ by, conversationId: id, ...seqs }) ?? Promise.resolve());
          if (next === 'settle') await writers[writer]?.durable(id);
          if (next === 'yield') await asked.at(-1);
        }
        await Promise.all(asked);
        for (const writer of writers) await writer[Symbol.asyncDispose]();

        const events = await written(id);
        const state = initialReceipts();
        for (const [revision, event] of events.entries()) {
          for (const now of event.marks) expect(isBack(state.marks.get(now.userId), now)).toBe(false);
          for (const now of event.others ?? []) expect(now).toEqual(state.marks.get(now.userId));
          evolveReceipts(state, revision, event);
        }
        const reached = [...state.marks].map(
          ([userId, { delivered, read = -1 }]) => [userId, { delivered, read }] as const,
        );
        expect(new Map(reached)).toEqual(highest);
        expect(await running.reached(await store.end(), 10_000)).toBe(true);
        const view = await marksOf(tables, id);
        expect(new Map(view.map((one) => [one.userId, one]))).toEqual(state.marks);
      }),
      { numRuns: 60 },
    );
  });
});
