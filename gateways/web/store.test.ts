import { afterEach, beforeEach, expect, test } from 'vitest';
import { actAs, detailAt, message, quiet, requestFor, sent, summaryAt, untaken } from './testing-page.ts';
import { nameOf } from './people.ts';
import { clearStore, conversationOf, onEvents, open, resume, summaries } from './store.ts';

beforeEach(() => actAs('ada'));
afterEach(() => {
  clearStore();
  actAs(undefined);
  expect(untaken()).toEqual([]);
});

const listed = async (...lastSeqs: readonly (readonly [string, number])[]) => {
  const done = resume();
  const conversations = lastSeqs.map(([id, lastSeq]) => summaryAt(id, lastSeq));
  (await requestFor(/conversations$/)).answer({ conversations });
  await done;
};
const pageOf = (lastSeq: number) => ({ items: [message(lastSeq)], lastSeq });
const noReceipts = async () => (await requestFor(/receipts$/)).answer({ conversationId: 'c', marks: [] });
const lastSeqOf = (id: string) => summaries.peek()?.get(id)?.lastSeq;

test('a conversation that is opened after its events came shows them', async () => {
  await listed(['c', 4]);
  onEvents('c', [sent(5)]);
  open('c');
  const request = await requestFor(/messages/);
  expect(request.path).toContain('atLeast=5');
  request.answer(pageOf(5));
  (await requestFor(/c\?atLeast=5/)).answer(detailAt('c', 5));
  await noReceipts();
  await quiet();
});

test('one that was opened before the list came is not older than it', async () => {
  open('c');
  (await requestFor(/messages/)).answer(pageOf(4));
  (await requestFor(/c$/)).answer(detailAt('c', 4));
  await noReceipts();
  await quiet();
  const done = resume();
  await noReceipts();
  (await requestFor(/events\?after=4/)).answer({ events: [], lastSeq: 4 });
  await quiet();
  (await requestFor(/conversations$/)).answer({ conversations: [summaryAt('c', 6)] });
  (await requestFor(/events\?after=4/)).answer({ events: [sent(5), sent(6)], lastSeq: 6 });
  (await requestFor(/c\?atLeast=6/)).answer(detailAt('c', 6));
  await done;
  await quiet();
  expect(conversationOf('c').timeline.peek()?.lastSeq).toBe(6);
});

test('an entry is read once at a time, up to the newest event', async () => {
  await listed(['c', 4]);
  onEvents('c', [sent(7)]);
  const first = await requestFor(/c\?atLeast=7/);
  onEvents('c', [sent(8)]);
  onEvents('c', [sent(9)]);
  await quiet();
  expect(untaken()).toEqual([]);
  first.answer(detailAt('c', 7));
  (await requestFor(/c\?atLeast=9/)).answer(detailAt('c', 9));
  await quiet();
  expect(lastSeqOf('c')).toBe(9);
});

test('an entry of a conversation that is no longer one’s own goes', async () => {
  await listed(['c', 4], ['d', 1]);
  onEvents('c', [sent(7)]);
  const notFound = { code: 'conversation_not_found', message: 'no', retry: false };
  (await requestFor(/c\?atLeast=7/)).answer(notFound, 404);
  await quiet();
  expect([...(summaries.peek()?.keys() ?? [])]).toEqual(['d']);
});

test('of two lists on their way the newer one counts', async () => {
  const [first, second] = [resume(), resume()];
  const [older, newer] = [await requestFor(/conversations$/), await requestFor(/conversations$/)];
  older.answer({ conversations: [summaryAt('c', 1)] });
  await first;
  onEvents('c', [sent(3)]);
  newer.answer({ conversations: [summaryAt('c', 2)] });
  await second;
  expect(lastSeqOf('c')).toBe(3);
});

test('what one person read is not there for the next', async () => {
  await listed(['c', 4]);
  onEvents('c', [sent(7)]);
  const entry = await requestFor(/c\?atLeast=7/);
  const list = resume();
  const conversations = await requestFor(/conversations$/);
  expect(nameOf('ben')).toBe('…');
  const names = await requestFor(/users/);
  actAs(undefined);
  clearStore();
  names.answer({ code: 'unauthorized', message: 'no', retry: false }, 403);
  conversations.answer({ conversations: [summaryAt('c', 8)] });
  await list;
  expect(summaries.peek()).toBeUndefined();
  actAs('chi');
  await listed();
  entry.answer(detailAt('c', 7));
  await quiet();
  expect(summaries.peek()?.size).toBe(0);
});
