import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { UserId } from './id.ts';
import {
  type MarkWish,
  type Progress,
  type ReceiptsEvent,
  evolveReceipts,
  further,
  initialReceipts,
  mark,
  publicMark,
} from './receipts.ts';
import { isRejection } from './rejection.ts';

const [ann, ben] = ['01J0000000000000000000000A', '01J0000000000000000000000B'] as const;
const at = 1_700_000_000_000;
const END = 20;

const moved = (marks: Progress[], others?: Progress[]): ReceiptsEvent => ({
  type: 'ReceiptsMoved',
  at,
  marks,
  ...(others && { others }),
});
const fold = (events: readonly ReceiptsEvent[]) =>
  events.reduce((state, event, revision) => evolveReceipts(state, revision, event), initialReceipts());

const given = (...events: ReceiptsEvent[]) => {
  const { marks } = fold(events);
  const before = (by: UserId) => marks.get(by);
  return {
    when: (wish: Partial<MarkWish>, end = END) => {
      const asked = { by: ann, private: false, ...wish };
      const after = mark(before(asked.by), asked, end);
      return {
        /** Without anything: that nothing changes. */
        emits: (reached?: Omit<Progress, 'userId'>) =>
          reached
            ? expect(after).toEqual({ userId: asked.by, ...reached })
            : expect(after).toBe(before(asked.by)),
        refuses: (code: string) => expect(after).toMatchObject({ rejected: code }),
      };
    },
  };
};
const was = (reached: Omit<Progress, 'userId'>, userId: UserId = ann) => moved([{ userId, ...reached }]);

describe('a mark', () => {
  it('is taken for the first time, and further', () => {
    given().when({ delivered: 3 }).emits({ delivered: 3 });
    given(was({ delivered: 3 }))
      .when({ delivered: 5 })
      .emits({ delivered: 5 });
    given(was({ delivered: 3, read: 1, shown: 1 }))
      .when({ delivered: 5, read: 3 })
      .emits({ delivered: 5, read: 3, shown: 3 });
  });

  it('of reading is one of having it too', () => {
    given().when({ read: 3 }).emits({ delivered: 3, read: 3, shown: 3 });
    given(was({ delivered: 9 }))
      .when({ read: 3 })
      .emits({ delivered: 9, read: 3, shown: 3 });
  });

  it('of private reading is not shown, also not afterwards', () => {
    given(was({ delivered: 3, read: 3, shown: 3 }))
      .when({ read: 5, private: true })
      .emits({ delivered: 5, read: 5, shown: 3 });
    given(was({ delivered: 5, read: 5, shown: 3 }))
      .when({ delivered: 7 })
      .emits({ delivered: 7, read: 5, shown: 3 });
    given(was({ delivered: 5, read: 5, shown: 3 }))
      .when({ read: 6 })
      .emits({ delivered: 6, read: 6, shown: 6 });
  });

  it('is of its person only', () => {
    given(was({ delivered: 9, read: 9, shown: 9 }, ben))
      .when({ read: 0 })
      .emits({ delivered: 0, read: 0, shown: 0 });
  });

  it('is taken up to the end of the conversation, and not beyond', () => {
    given().when({ delivered: END }).emits({ delivered: END });
    given()
      .when({ delivered: END + 1 })
      .refuses('mark_beyond_end');
    given()
      .when({ delivered: 1, read: END + 1 })
      .refuses('mark_beyond_end');
    given().when({ delivered: 0 }, -1).refuses('mark_beyond_end');
  });

  it('said again changes nothing', () => {
    given(was({ delivered: 5, read: 3, shown: 3 }))
      .when({ delivered: 5, read: 3 })
      .emits();
    given(was({ delivered: 5, read: 3 }))
      .when({ read: 3, private: true })
      .emits();
    given().when({}).emits();
  });

  it('does not go back', () => {
    given(was({ delivered: 5 }))
      .when({ delivered: 4 })
      .refuses('mark_behind');
    given(was({ delivered: 5, read: 5, shown: 5 }))
      .when({ delivered: 5, read: 4 })
      .refuses('mark_behind');
    given(was({ delivered: 5, read: 1, shown: 1 }))
      .when({ delivered: 3, read: 2 })
      .emits({ delivered: 5, read: 2, shown: 2 });
  });
});

describe('receipts', () => {
  it('know nobody else after an event that says everything', () => {
    const { marks, revision } = fold([
      was({ delivered: 5 }),
      was({ delivered: 2 }, ben),
      moved([{ userId: ben, delivered: 3 }], []),
    ]);
    expect([...marks]).toEqual([[ben, { userId: ben, delivered: 3 }]]);
    expect(revision).toBe(2);
    const both = moved([{ userId: ben, delivered: 3 }], [{ userId: ann, delivered: 1 }]);
    expect([...fold([both]).marks.keys()]).toEqual([ann, ben]);
  });

  const seq = fc.integer({ min: 0, max: END + 3 });
  const wishes = fc.array(
    fc.record(
      { delivered: seq, read: seq, private: fc.boolean() },
      { requiredKeys: ['private'], noNullPrototype: true },
    ),
  );

  it('only ever rise, hold together, and show what was read in public', () => {
    fc.assert(
      fc.property(wishes, (all) => {
        let now: Progress | undefined;
        let [delivered, read, shown] = [-1, -1, -1];
        for (const wish of all) {
          const before = now;
          const after = mark(before, { by: ann, ...wish }, END);
          if (after && isRejection(after)) continue;
          now = after;
          if ((wish.delivered ?? -1) > END || (wish.read ?? -1) > END) throw new Error('beyond the end');
          delivered = Math.max(delivered, wish.delivered ?? -1, wish.read ?? -1);
          read = Math.max(read, wish.read ?? -1);
          if (!wish.private) shown = Math.max(shown, wish.read ?? -1);
          expect([now?.delivered ?? -1, now?.read ?? -1, now?.shown ?? -1]).toEqual([delivered, read, shown]);
          expect(mark(now, { by: ann, ...wish }, END)).toSatisfy(
            (again: Progress | undefined) => again === now || (again !== undefined && isRejection(again)),
          );
          expect(now && publicMark(now).read).toBe(now?.shown);
        }
      }),
    );
  });

  it('of two devices merge to the same, in whatever order', () => {
    const progress = fc
      .record({ delivered: seq, read: fc.option(seq), shown: fc.option(seq) })
      .map(({ delivered, read, shown }) => ({
        userId: ann,
        delivered,
        ...(read !== null && { read }),
        ...(shown !== null && { shown }),
      }));
    fc.assert(
      fc.property(progress, progress, progress, (a, b, c) => {
        expect(further(further(a, b), c)).toEqual(further(a, further(b, c)));
        expect(further(a, b)).toEqual(further(b, a));
        expect(further(a, a)).toBe(a);
        expect(further(undefined, a)).toEqual(a);
        expect(further(a, undefined)).toBe(a);
      }),
    );
  });
});
