import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Tables } from '../domain/ports/tables.ts';
import { type Progress, type ReceiptsEvent, evolveReceipts, initialReceipts } from '../domain/receipts.ts';
import { cast } from '../infra/testing/conversation-arbitrary.ts';
import { at, newConversationId as newId, temporaryTables } from '../infra/testing/read-side.ts';
import { changedSince, marksOf, mine, receipts } from './receipts.ts';

let tables: Tables;
beforeAll(async () => {
  tables = await temporaryTables();
});
afterAll(() => tables[Symbol.asyncDispose]());

const [ann = '', ben = '', cat = ''] = cast;
const moved = (marks: Progress[], others?: Progress[]): ReceiptsEvent => ({
  type: 'ReceiptsMoved',
  at,
  marks,
  ...(others && { others }),
});

/** Applies a stream's events from one on; each one's position is its revision after a `p`. */
const project = async (id: string, events: readonly ReceiptsEvent[], from = 0) => {
  for (const [i, event] of events.entries()) {
    const seq = from + i;
    await tables.write(
      receipts.apply({ conversationId: id, seq, position: `p${seq}`, recordedAt: 0, event }),
    );
  }
};

describe('the view of receipts', () => {
  it('says how far each has come, in many conversations at once', async () => {
    const [one, two, none] = [newId(), newId(), newId()];
    await project(one, [moved([{ userId: ann, delivered: 3 }]), moved([{ userId: ben, delivered: 2 }])]);
    await project(two, [moved([{ userId: ann, delivered: 9, read: 8, shown: 7 }])]);
    expect(await marksOf(tables, one)).toEqual([
      { userId: ann, delivered: 3 },
      { userId: ben, delivered: 2 },
    ]);
    expect(await mine(tables, ann, [two, none, one])).toEqual([
      { userId: ann, delivered: 9, read: 8, shown: 7 },
      undefined,
      { userId: ann, delivered: 3 },
    ]);
    expect(await marksOf(tables, none)).toEqual([]);
  });

  it('says which have moved since a position', async () => {
    const [one, two, none] = [newId(), newId(), newId()];
    await project(one, [moved([{ userId: ann, delivered: 3 }]), moved([{ userId: ann, delivered: 4 }])]);
    await project(two, [moved([{ userId: ann, delivered: 3 }])]);
    expect(await changedSince(tables, [one, two, none], '')).toEqual([one, two]);
    expect(await changedSince(tables, [one, two, none], 'p0')).toEqual([one]);
    expect(await changedSince(tables, [one, two, none], 'p1')).toEqual([]);
  });

  it('forgets those of whom an event that says everything knows nothing', async () => {
    const id = newId();
    await project(id, [
      moved([ann, ben].map((userId) => ({ userId, delivered: 3 }))),
      moved([{ userId: ann, delivered: 4 }], [{ userId: cat, delivered: 1 }]),
    ]);
    expect((await marksOf(tables, id)).map(({ userId }) => userId)).toEqual([ann, cat]);
    expect(await mine(tables, ben, [id])).toEqual([undefined]);
    await project(id, [moved([{ userId: ben, delivered: 2 }])], 2);
    expect(await mine(tables, ben, [id])).toEqual([{ userId: ben, delivered: 2 }]);
  });

  it('is the folded stream, however often its events are applied', async () => {
    const progress = fc.record(
      { userId: fc.constantFrom(...cast), delivered: fc.nat(50), read: fc.nat(50), shown: fc.nat(50) },
      { requiredKeys: ['userId', 'delivered'], noNullPrototype: true },
    );
    const marks = fc.uniqueArray(progress, {
      selector: ({ userId }) => userId,
      minLength: 1,
      maxLength: 4,
    });
    const event = fc.record({ marks, others: fc.option(marks, { freq: 4 }) }).map((one) => {
      const ids = new Set(one.marks.map(({ userId }) => userId));
      return moved(
        one.marks,
        one.others?.filter(({ userId }) => !ids.has(userId)),
      );
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { minLength: 1, maxLength: 12 }),
        fc.nat(11),
        async (events, again) => {
          const id = newId();
          await project(id, events);
          const from = again % events.length;
          await project(id, events.slice(from), from);
          const state = events.reduce((folded, one, n) => evolveReceipts(folded, n, one), initialReceipts());
          const view = await marksOf(tables, id);
          expect(new Map(view.map((one) => [one.userId, one]))).toEqual(state.marks);
          for (const userId of cast)
            expect(await mine(tables, userId, [id])).toEqual([state.marks.get(userId)]);
          expect(await changedSince(tables, [id], `p${events.length - 1}`)).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });
});
