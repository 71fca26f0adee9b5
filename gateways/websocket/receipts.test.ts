import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReceiptsCache } from '../../commands/receipts.ts';
import { receiptsCodec } from '../../domain/codec.ts';
import { type ConversationId, type UserId, receiptsStreamOf } from '../../domain/id.ts';
import { type EventStore, StoreUnavailable } from '../../domain/ports/event-store.ts';
import type { Progress, ReceiptsEvent } from '../../domain/receipts.ts';
import { openTemporaryStore } from '../../infra/testing/command-side.ts';
import { at, newConversationId } from '../../infra/testing/read-side.ts';
import { NAMED_RECEIPTS, ServerFrame } from '../protocol.ts';
import type { Frame } from './frame.ts';
import { createReceiptFrames, levelsOf } from './receipts.ts';

let temporary: Awaited<ReturnType<typeof openTemporaryStore>>;
let store: EventStore;
beforeAll(async () => {
  temporary = await openTemporaryStore();
  store = temporary.store;
});
afterAll(() => temporary[Symbol.asyncDispose]());

const person = (n: number): UserId => `01J${String(n).padStart(23, '0')}`;
const people = (count: number) => new Set(Array.from({ length: count }, (_, n) => person(n)));
const [ann, ben, cat] = [person(0), person(1), person(2)];

const moved = (marks: Progress[], others?: Progress[]): ReceiptsEvent => ({
  type: 'ReceiptsMoved',
  at,
  marks,
  ...(others && { others }),
});
const was = (userId: UserId, delivered: number, read?: number, shown = read): Progress => ({
  userId,
  delivered,
  ...(read !== undefined && { read }),
  ...(shown !== undefined && { shown }),
});

const framesFor = (present: Set<UserId>, over: Pick<EventStore, 'read'> = store) => {
  const errors: unknown[] = [];
  const frames = createReceiptFrames({
    store: over,
    receipts: createReceiptsCache(store),
    members: () => Promise.resolve(present),
    onError: (error) => errors.push(error),
    triesMs: [1, 1],
  });
  return { ...frames, errors };
};
const append = async (id: ConversationId, from: number, ...events: ReceiptsEvent[]) => {
  const encoded = events.map((event) => ({
    id: randomUUID(),
    ...receiptsCodec.encode(event),
    meta: new Uint8Array(),
  }));
  await store.append(receiptsStreamOf(id), from - 1, encoded);
};
const shown = (frame: Frame | undefined) => frame && ServerFrame.parse(JSON.parse(frame.json()) as unknown);
const shownOf = (own: ReadonlyMap<UserId, Frame>) =>
  Object.fromEntries([...own].map(([userId, frame]) => [userId, shown(frame)]));

describe('frames of receipts', () => {
  it('name those who moved to the room, and tell each of them their own', async () => {
    const id = newConversationId();
    const events = [moved([was(ann, 3, 2)], []), moved([was(ben, 4), was(ann, 5, 2)])];
    await append(id, 0, ...events);
    const { prepare, framesOf } = framesFor(people(3));
    await prepare(new Map([[id, 0]]));
    const [first, second] = events.map((event, revision) => framesOf(id, revision, event));
    const common = { conversationId: id };
    expect(shown(first?.room)).toEqual({
      type: 'receipts',
      ...common,
      marks: [{ userId: ann, delivered: 3, read: 2 }],
    });
    expect(shown(second?.room)).toEqual({
      type: 'receipts',
      ...common,
      marks: [
        { userId: ben, delivered: 4 },
        { userId: ann, delivered: 5, read: 2 },
      ],
    });
    expect(shownOf(second?.own ?? new Map())).toEqual({
      [ann]: { type: 'marked', ...common, delivered: 5, read: 2 },
      [ben]: { type: 'marked', ...common, delivered: 4 },
    });
  });

  it('give nobody away who reads in private', async () => {
    const id = newConversationId();
    const events = [moved([was(ann, 5, 2)], []), moved([{ ...was(ann, 5, 5), shown: 2 }])];
    await append(id, 0, ...events);
    const { prepare, framesOf, current } = framesFor(people(3));
    await prepare(new Map([[id, 0]]));
    const [, secret] = events.map((event, revision) => framesOf(id, revision, event));
    expect(secret?.room).toBeUndefined();
    expect(shownOf(secret?.own ?? new Map())).toMatchObject({ [ann]: { delivered: 5, read: 5 } });
    const told = (await current(id, ben)).map(shown);
    expect(told).toEqual([
      { type: 'receipts', conversationId: id, marks: [{ userId: ann, delivered: 5, read: 2 }] },
    ]);
  });

  it('say nothing of those who are no members any more', async () => {
    const id = newConversationId();
    await append(id, 0, moved([was(ann, 5), was(cat, 4)], []));
    const { prepare, framesOf, current } = framesFor(new Set([ann, ben]));
    await prepare(new Map([[id, 0]]));
    const { room, own } = framesOf(id, 0, moved([was(ann, 5), was(cat, 4)], []));
    expect(shown(room)).toMatchObject({ marks: [{ userId: ann }] });
    expect([...own.keys()]).toEqual([ann]);
    expect(shown((await current(id, ben))[0])).toMatchObject({ marks: [{ userId: ann }] });
  });

  it('count in a large conversation: who has come how far, also of before', async () => {
    const id = newConversationId();
    const many = NAMED_RECEIPTS + 8;
    await append(id, 0, moved([was(ann, 9, 9), was(ben, 7, 3), was(person(999), 9, 9)], []));
    const { prepare, framesOf, current } = framesFor(people(many));
    await append(id, 1, moved([was(cat, 9)]));
    await prepare(new Map([[id, 1]]));
    const frame = {
      type: 'receipts',
      conversationId: id,
      members: many,
      delivered: [
        { seq: 9, count: 2 },
        { seq: 7, count: 3 },
      ],
      read: [
        { seq: 9, count: 1 },
        { seq: 3, count: 2 },
      ],
    };
    expect(shown(framesOf(id, 1, moved([was(cat, 9)])).room)).toEqual(frame);
    expect((await current(id, ben)).map(shown)).toEqual([
      frame,
      { type: 'marked', conversationId: id, delivered: 7, read: 3 },
    ]);
    expect(await current(newConversationId(), ben)).toEqual([]);
  });

  it('are right after a pause in which nobody was there', async () => {
    const id = newConversationId();
    const { prepare, framesOf, current } = framesFor(people(NAMED_RECEIPTS + 1));
    await append(id, 0, moved([was(ann, 1)], []), moved([was(ben, 2)]), moved([was(cat, 3)]));
    await prepare(new Map([[id, 0]]));
    framesOf(id, 0, moved([was(ann, 1)], []));
    await prepare(new Map([[id, 2]]));
    const { room } = framesOf(id, 2, moved([was(cat, 3)]));
    expect(shown(room)).toMatchObject({ delivered: [{ seq: 3 }, { seq: 2 }, { seq: 1, count: 3 }] });
    await append(id, 3, moved([was(ann, 4)]));
    expect(shown((await current(id, ann))[0])).toMatchObject({
      delivered: [{ seq: 4 }, { seq: 3 }, { seq: 2, count: 3 }],
    });
  });

  it('wait for a store that can’t answer, and without it tell those who moved', async () => {
    const id = newConversationId();
    await append(id, 0, moved([was(ann, 1)], []), moved([was(ben, 2)]));
    let failures = 2;
    const faulty: Pick<EventStore, 'read'> = {
      read: (...query) => {
        if (failures === 0) return store.read(...query);
        failures -= 1;
        return Promise.reject(new StoreUnavailable('the test says so'));
      },
    };
    const { prepare, framesOf, errors } = framesFor(people(3), faulty);
    await prepare(new Map([[id, 1]]));
    expect(shown(framesOf(id, 1, moved([was(ben, 2)])).room)).toMatchObject({ marks: [{ userId: ben }] });
    expect(errors).toEqual([]);
    expect(framesOf(id, 3, moved([was(ben, 4)])).room).toBeUndefined();
    failures = Number.POSITIVE_INFINITY;
    const other = newConversationId();
    await append(other, 0, moved([was(ann, 1)], []), moved([was(ben, 2)]));
    await prepare(new Map([[other, 1]]));
    expect(errors).toHaveLength(1);
    const { room, own } = framesOf(other, 1, moved([was(ben, 2)]));
    expect(room).toBeUndefined();
    expect(shown(own.get(ben))).toMatchObject({ type: 'marked', delivered: 2 });
  });
});

it('levels say of every seq how many have come there, or at most that some have', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(100), { nil: undefined }), { maxLength: 200 }), (reached) => {
      const levels = levelsOf(reached);
      const come = reached.filter((seq) => seq !== undefined);
      const count = (from: number) => come.filter((seq) => seq >= from).length;
      expect(levels.length).toBe(Math.min(32, new Set(come).size));
      expect(levels).toEqual(levels.toSorted((a, b) => b.seq - a.seq));
      for (const level of levels) expect(level.count).toBe(count(level.seq));
      expect(levels.at(-1)?.count ?? 0).toBe(come.length);
    }),
  );
});
