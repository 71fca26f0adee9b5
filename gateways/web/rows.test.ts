import { expect, test } from 'vitest';
import type { TimelineItem } from '../protocol.ts';
import type { Pending } from './pending.ts';
import { rowsOf } from './rows.ts';

const noon = new Date(2026, 4, 1, 12).getTime();
const minute = 60_000;

const message = (seq: number, by: string, at: number, more = {}): TimelineItem => ({
  kind: 'message',
  seq,
  by,
  at,
  clientId: `c${seq}`,
  content: { kind: 'text', text: 'hi' },
  mentions: [],
  reactions: [],
  ...more,
});
const notice = (seq: number, at: number): TimelineItem => ({
  kind: 'notice',
  seq,
  by: 'ada',
  at,
  event: { type: 'MemberLeft', by: 'ada', at, userId: 'ada' },
});
const waiting = (clientId: string, at: number, failed?: string): Pending => ({
  conversationId: 'c',
  clientId,
  by: 'ada',
  at,
  content: { kind: 'text', text: 'soon' },
  replyTo: undefined,
  mentions: [],
  failed,
});

const shapeOf = (items: TimelineItem[], pending: Pending[] = []) =>
  rowsOf(items, pending).map((row) => ('head' in row ? `${row.kind}${row.head ? ' head' : ''}` : row.kind));

test('each day starts with its date, and with a name', () => {
  const items = [message(0, 'ada', noon - 12 * 60 * minute - 1), message(1, 'ada', noon - 12 * 60 * minute)];
  expect(shapeOf(items)).toEqual(['day', 'message head', 'day', 'message head']);
});

test('messages of one person within five minutes belong together', () => {
  const items = [
    message(0, 'ada', noon),
    message(1, 'ada', noon + 4 * minute),
    message(2, 'ada', noon + 9 * minute),
    message(3, 'ben', noon + 9 * minute),
  ];
  expect(shapeOf(items)).toEqual(['day', 'message head', 'message', 'message head', 'message head']);
});

test('a reply and an action stand by themselves', () => {
  const action = { content: { kind: 'action', text: 'waves' } };
  const items = [
    message(0, 'ada', noon),
    message(1, 'ada', noon, { replyTo: 0 }),
    message(2, 'ada', noon, action),
    message(3, 'ada', noon),
  ];
  expect(shapeOf(items)).toEqual(['day', 'message head', 'message head', 'message head', 'message head']);
});

test('notices in a row share one, and part the messages around them', () => {
  const items = [message(0, 'ada', noon), notice(1, noon), notice(2, noon), message(3, 'ada', noon)];
  expect(shapeOf(items)).toEqual(['day', 'message head', 'notices', 'message head']);
});

test('what is pending comes last and keeps its key when it is confirmed', () => {
  const before = rowsOf([message(0, 'ada', noon)], [waiting('c1', noon), waiting('c2', noon, 'no')]);
  expect(before.map(({ kind }) => kind)).toEqual(['day', 'message', 'pending', 'pending']);
  expect(before.at(-1)).toMatchObject({ failed: 'no' });
  const after = rowsOf([message(0, 'ada', noon), message(1, 'ada', noon)], []);
  expect(after[2]?.key).toBe(before[2]?.key);
});
