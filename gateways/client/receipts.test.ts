import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Mark } from '../protocol.ts';
import { foldReceipts, noReceipts, readersOf, tickOf } from './receipts.ts';

const of = (...marks: Mark[]) => foldReceipts(noReceipts, { marks });
const mark = (userId: string, delivered: number, read?: number): Mark => ({
  userId,
  delivered,
  ...(read !== undefined && { read }),
});

test('marks only rise, in whatever order they come', () => {
  const userId = fc.constantFrom('ben', 'chi');
  const seq = fc.option(fc.nat(9), { nil: undefined });
  fc.assert(
    fc.property(fc.array(fc.tuple(userId, seq, seq)), (come) => {
      const marks = come.map(([who, delivered, read]) => ({
        userId: who,
        ...(delivered !== undefined && { delivered }),
        ...(read !== undefined && { read }),
      }));
      const after = (order: readonly Mark[]) =>
        order.reduce((state, one) => foldReceipts(state, { marks: [one] }), noReceipts).marks;
      expect(new Map(after(marks))).toEqual(new Map(after(marks.toReversed())));
      for (const [who, { read }] of after(marks))
        expect(read ?? -1).toBe(Math.max(-1, ...come.map(([by, , seq]) => (by === who ? (seq ?? -1) : -1))));
    }),
  );
});

test('a message is sent, then delivered, then read by the other one of two', () => {
  const state = (...marks: Mark[]) => tickOf(5, 'me', of(...marks), ['me', 'ben']).state;
  expect(state()).toBe('sent');
  expect(state(mark('ben', 4, 4))).toBe('sent');
  expect(state(mark('ben', 6, 4))).toBe('delivered');
  expect(state(mark('ben', 6, 5))).toBe('read');
});

test('in a group all must have it; how many do is counted, whoever left is not', () => {
  const state = of(mark('ben', 5, 5), mark('chi', 5), mark('me', 9, 9), mark('gone', 9, 9));
  expect(tickOf(5, 'me', state, ['me', 'ben', 'chi'])).toEqual({
    state: 'delivered',
    delivered: 2,
    read: 1,
    of: 2,
  });
  expect(readersOf(5, state, ['ben', 'chi'])).toEqual(['ben']);
});

test('in a large group the levels count, without the sender, and never too much', () => {
  const others = Array.from({ length: 40 }, (_, index) => `p${index}`);
  const levels = {
    delivered: [
      { seq: 9, count: 3 },
      { seq: 5, count: 41 },
    ],
    read: [
      { seq: 9, count: 3 },
      { seq: 4, count: 20 },
    ],
  };
  const state = foldReceipts(of(mark('me', 9, 9)), levels);
  const tick = (seq: number) => tickOf(seq, 'me', state, others);
  expect(tick(9)).toMatchObject({ state: 'sent', delivered: 2, read: 2, of: 40 });
  expect(tick(5)).toMatchObject({ state: 'delivered', delivered: 40, read: 2 });
  expect(tick(10)).toMatchObject({ delivered: 0, read: 0 });
});

test('a message to nobody stays sent', () => {
  expect(tickOf(1, 'me', noReceipts, ['me']).state).toBe('sent');
});
