import { afterEach, beforeEach, expect, test } from 'vitest';
import { actAs, detailAt, message, quiet, requestFor, sent, untaken } from './testing-page.ts';
import {
  type Conversation,
  catchUp,
  createConversation,
  jumpTo,
  load,
  loadMore,
  receive,
} from './conversation.ts';
import { quoted, summaryOf } from './quotes.ts';

beforeEach(() => actAs('ada'));
afterEach(() => expect(untaken()).toEqual([]));

const seqs = ({ timeline }: Conversation) => timeline.peek()?.items.map(({ seq }) => seq);
const page = (items: readonly number[], lastSeq: number, rest = {}) => ({
  items: items.map((seq) => message(seq)),
  lastSeq,
  ...rest,
});

const loaded = async (items: readonly number[], lastSeq: number, rest = {}): Promise<Conversation> => {
  const conversation = createConversation('c');
  const done = load(conversation);
  (await requestFor(/messages/)).answer(page(items, lastSeq, rest));
  await done;
  return conversation;
};

test('a first page holds what was already known to have happened', async () => {
  const conversation = createConversation('c', 5);
  const done = load(conversation);
  const request = await requestFor(/messages/);
  expect(request.path).toContain('atLeast=5');
  request.answer(page([4, 5], 5));
  await done;
  expect(seqs(conversation)).toEqual([4, 5]);
});

test('what a page lacks of the events that came meanwhile is read', async () => {
  const conversation = createConversation('c');
  const done = load(conversation);
  const request = await requestFor(/messages/);
  receive(conversation, [sent(7)]);
  request.answer(page([5], 5));
  await done;
  const events = await requestFor(/events\?after=5/);
  events.answer({ events: [sent(6), sent(7)], lastSeq: 7 });
  await quiet();
  expect(seqs(conversation)).toEqual([5, 6, 7]);
});

test('events that come while a catch-up is on its way are read by it', async () => {
  const conversation = await loaded([0], 0);
  const done = catchUp(conversation);
  const first = await requestFor(/events\?after=0/);
  receive(conversation, [sent(3)]);
  first.answer({ events: [sent(1)], lastSeq: 1 });
  (await requestFor(/events\?after=1/)).answer({ events: [sent(2), sent(3)], lastSeq: 3 });
  await done;
  expect(seqs(conversation)).toEqual([0, 1, 2, 3]);
});

test('somebody far behind starts anew, and reads what came during that', async () => {
  const conversation = await loaded([0], 0);
  const done = catchUp(conversation);
  (await requestFor(/events\?after=0/)).answer({ events: [sent(1)], lastSeq: 5_000 });
  const fresh = await requestFor(/messages/);
  expect(fresh.path).toContain('atLeast=5000');
  (await requestFor(/c\?atLeast=5000/)).answer(detailAt('c', 5_002));
  receive(conversation, [sent(5_002)]);
  fresh.answer(page([4_999, 5_000], 5_000));
  const gap = await requestFor(/events\?after=5000/);
  gap.answer({ events: [sent(5_001), sent(5_002)], lastSeq: 5_002 });
  await done;
  expect(seqs(conversation)).toEqual([4_999, 5_000, 5_001, 5_002]);
});

test('a new start that fails is not tried for ever', async () => {
  const conversation = await loaded([0], 0);
  const done = catchUp(conversation);
  (await requestFor(/events/)).answer({ events: [sent(1)], lastSeq: 5_000 });
  (await requestFor(/messages/)).answer({ code: 'internal', message: 'broken', retry: false }, 500);
  (await requestFor(/c\?atLeast/)).answer(detailAt('c', 5_000));
  await done;
  expect(conversation.failed.peek()).toBe('broken');
});

test('going elsewhere while another page is on its way comes after it, and only the last wish counts', async () => {
  const conversation = await loaded([50, 51], 90, { before: 50, after: 51 });
  const more = loadMore(conversation, 'older');
  const older = await requestFor(/before=50/);
  const jump = jumpTo(conversation, 10);
  const end = load(conversation);
  older.answer(page([48, 49], 90, { before: 48 }));
  const newest = await requestFor(/messages/);
  expect(newest.path).not.toMatch(/before|around/);
  newest.answer(page([89, 90], 90, { before: 89 }));
  await Promise.all([more, jump, end]);
  expect(seqs(conversation)).toEqual([89, 90]);
  expect([conversation.loading.peek(), conversation.busy]).toEqual([undefined, undefined]);
});

test('a quote follows what happens to its message, also while it is on its way', async () => {
  const conversation = await loaded([50], 60);
  expect(summaryOf(quoted(conversation, 1))).toBe('…');
  expect(summaryOf(quoted(conversation, 2))).toBe('…');
  const [one, two] = [await requestFor(/around=1\b/), await requestFor(/around=2\b/)];
  expect(two.path).toContain('atLeast=60');
  const about = { by: 'ben', at: 0 };
  receive(conversation, [{ seq: 61, event: { type: 'MessageRedacted', ...about, seq: 1 } }]);
  one.answer(page([1], 60));
  two.answer(page([2], 60));
  await quiet();
  expect(summaryOf(quoted(conversation, 1))).toBe('Message deleted');
  expect(summaryOf(quoted(conversation, 2))).toBe('message 2');
  const content = { kind: 'text', text: 'better' } as const;
  receive(conversation, [
    { seq: 62, event: { type: 'MessageEdited', ...about, seq: 2, content, mentions: [] } },
  ]);
  expect(summaryOf(quoted(conversation, 2))).toBe('better');
});

test('quotes are read again after a new start, which passes over events', async () => {
  const conversation = await loaded([50], 60);
  quoted(conversation, 1);
  (await requestFor(/around=1\b/)).answer(page([1], 60));
  await quiet();
  const done = load(conversation);
  (await requestFor(/messages/)).answer(page([9_000], 9_000));
  await done;
  expect(quoted(conversation, 1)).toBeUndefined();
  (await requestFor(/around=1\b/)).answer(page([1], 9_000));
});
