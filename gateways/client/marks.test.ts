import { beforeEach, expect, test } from 'vitest';
import { createTestClock } from '../../infra/testing/clock.ts';
import type { ClientFrame } from '../protocol.ts';
import { createMemory, under } from './key-value.ts';
import { createMarks } from './marks.ts';
import { times } from './times.ts';

let clock = createTestClock();
let kv = createMemory();
let said: ClientFrame[] = [];
let online = true;
const open = () =>
  createMarks({
    kept: under(kv, ''),
    clock,
    times,
    send: (frame) => online && said.push(frame) > 0,
  });
const marked = (delivered: number, read?: number) =>
  ({ type: 'marked', conversationId: 'c', delivered, ...(read !== undefined && { read }) }) as const;
const mark = (rest: object, conversationId = 'c') => ({ type: 'mark', conversationId, ...rest });

beforeEach(() => {
  [clock, kv, said, online] = [createTestClock(), createMemory(), [], true];
});

test('marks that follow each other are one, and never go back', async () => {
  const marks = open();
  marks.delivered('c', 1);
  marks.delivered('c', 4);
  marks.delivered('c', 3);
  marks.read('c', 2);
  await clock.advance(times.marks);
  expect(said).toEqual([mark({ delivered: 4, read: 2 })]);
});

test('one that has come back is not said again, and no lower one', async () => {
  const marks = open();
  marks.read('c', 4);
  await clock.advance(times.marks);
  marks.marked(marked(4, 4));
  marks.read('c', 3);
  marks.delivered('c', 4);
  marks.resume();
  await clock.advance(60_000);
  expect(said).toEqual([mark({ read: 4 })]);
  expect([...kv.keys()]).toEqual([]);
});

test('one that does not come back is said again, but not for ever, and anew on each connection', async () => {
  const marks = open();
  marks.read('c', 4);
  await clock.advance(600_000);
  expect(said).toEqual(Array.from({ length: 5 }, () => mark({ read: 4 })));
  said = [];
  marks.resume();
  await clock.advance(times.marks);
  expect(said).toEqual([mark({ read: 4 })]);
});

test('what comes back from another device leaves less to say', async () => {
  const marks = open();
  marks.delivered('c', 4);
  marks.read('c', 9);
  marks.marked(marked(6));
  await clock.advance(times.marks);
  expect(said).toEqual([mark({ read: 9 })]);
});

test('a mark that was not said outlives a reload', async () => {
  online = false;
  const before = open();
  before.read('c', 4);
  before.delivered('d', 7);
  before.close();
  online = true;
  const after = open();
  after.resume();
  await clock.advance(times.marks);
  expect(said).toEqual([mark({ read: 4 }), mark({ delivered: 7 }, 'd')]);
});

test('many conversations are not marked all at once', async () => {
  const marks = open();
  for (let n = 0; n < 120; n += 1) marks.delivered(`c${n}`, 1);
  await clock.advance(times.marks);
  expect(said).toHaveLength(50);
  await clock.advance(times.marks * 2);
  expect(said).toHaveLength(120);
});
