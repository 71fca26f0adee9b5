import { expect, test } from 'vitest';
import type { ConversationDetail, ConversationSummary, SequencedEvent } from '../protocol.ts';
import { foldDetail, foldMarked, foldSummary } from './summary.ts';
import type { ConversationEvent } from './types.ts';

const at = 1_700_000_000_000;
const summary: ConversationSummary = {
  conversationId: 'c',
  kind: 'group',
  title: 'Old',
  role: 'member',
  createdAt: at,
  lastSeq: 4,
  lastActivityAt: at,
  unread: 0,
  mentions: 0,
};
const by = 'ada';
const content = { kind: 'text', text: 'hello' } as const;
const hello: ConversationEvent = {
  type: 'MessageSent',
  by,
  at: at + 5,
  clientId: 'x',
  content,
  mentions: [],
};
const next = (event: ConversationEvent, seq = 5) => foldSummary(summary, { seq, event }, 'me');

test('a message is the last one, and activity', () => {
  expect(next(hello)).toMatchObject({
    lastSeq: 5,
    lastActivityAt: at + 5,
    lastMessage: { seq: 5, content: { text: 'hello' } },
  });
});

test('what is known changes nothing, and after a gap it must be read', () => {
  expect(next(hello, 4)).toBe(summary);
  expect(next(hello, 6)).toBe('read it');
});

test('names, topics and your own role follow', () => {
  expect(next({ type: 'ConversationRenamed', by, at, title: 'New' })).toMatchObject({ title: 'New' });
  expect(next({ type: 'TopicChanged', by, at, topic: 'Tea' })).toMatchObject({ topic: 'Tea' });
  const promoted = (userId: string) => next({ type: 'MemberRoleChanged', by, at, userId, role: 'admin' });
  expect(promoted('me')).toMatchObject({ role: 'admin' });
  expect(promoted('ben')).toMatchObject({ role: 'member' });
});

test('it is gone when you are', () => {
  expect(next({ type: 'MemberRemoved', by, at, userId: 'me' })).toBeUndefined();
  expect(next({ type: 'MemberBanned', by, at, userId: 'ben' })).toMatchObject({ lastSeq: 5 });
});

test('members come once, change and go; pins go with their message', () => {
  const start: ConversationDetail = { ...summary, pins: [2, 3], members: [] };
  const events: ConversationEvent[] = [
    { type: 'MemberJoined', by, at, userId: 'ben', role: 'member' },
    { type: 'MemberJoined', by, at, userId: 'chi', role: 'member' },
    { type: 'MemberRoleChanged', by, at, userId: 'ben', role: 'admin' },
    { type: 'MemberLeft', by: 'chi', at, userId: 'chi' },
    { type: 'MessagePinned', by, at, seq: 1 },
    { type: 'MessageUnpinned', by, at, seq: 2 },
    { type: 'MessageRedacted', by, at, seq: 3 },
  ];
  const end = events.reduce((detail, event, index) => foldDetail(detail, 5 + index, event), start);
  expect(end.members).toEqual([{ userId: 'ben', role: 'admin', joinedAt: at, addedBy: by }]);
  expect([end.pins, end.lastSeq]).toEqual([[1], 11]);
});

const said = (seq: number, mentions: string[] = []): SequencedEvent => ({
  seq,
  event: { ...hello, mentions },
});
const fold = (start: ConversationSummary, ...events: readonly SequencedEvent[]) =>
  events.reduce<ConversationSummary>((now, entry) => {
    const next = foldSummary(now, entry, 'me');
    if (!next || next === 'read it') throw new Error(`${entry.seq}: ${next}`);
    return next;
  }, start);
const counts = ({ unread, mentions }: ConversationSummary) => [unread, mentions];

test('messages of others are unread, and mention one or not; one’s own are neither', () => {
  const mine: SequencedEvent = { seq: 7, event: { ...hello, by: 'me' } };
  expect(counts(fold(summary, said(5), said(6, ['me', 'ben']), mine))).toEqual([2, 1]);
});

test('what was read elsewhere before it came here is not unread', () => {
  expect(counts(fold({ ...summary, read: 5 }, said(5, ['me']), said(6)))).toEqual([1, 0]);
});

test('unread messages are counted up to a thousand', () => {
  expect(counts(fold({ ...summary, unread: 1000, mentions: 1 }, said(5)))).toEqual([1000, 1]);
});

test('an edit or a deletion of an unread message may change the mentions, which are read then', () => {
  const about = { by, at, seq: 5 };
  const edited = (mentions: string[]): ConversationEvent => ({
    type: 'MessageEdited',
    ...about,
    content,
    mentions,
  });
  const redacted: ConversationEvent = { type: 'MessageRedacted', ...about };
  const plain = fold(summary, said(5));
  const mentioned = fold(summary, said(5, ['me']));
  const after = (start: ConversationSummary, event: ConversationEvent) =>
    foldSummary(start, { seq: 6, event }, 'me');
  expect(after(plain, edited(['me']))).toBe('read it');
  expect(after(mentioned, edited([]))).toBe('read it');
  expect(after(mentioned, redacted)).toBe('read it');
  expect(after(plain, edited(['ben']))).toMatchObject({ lastSeq: 6, unread: 1, mentions: 0 });
  expect(after(plain, redacted)).toMatchObject({ lastSeq: 6, unread: 1, mentions: 0 });
  expect(after({ ...mentioned, read: 5 }, redacted)).toMatchObject({ lastSeq: 6 });
});

test('one’s own mark at the end leaves nothing unread; before it, the rest is counted anew', () => {
  const three = fold(summary, said(5, ['me']), said(6), said(7));
  expect(foldMarked(three, 7)).toMatchObject({ read: 7, unread: 0, mentions: 0 });
  expect(foldMarked(three, 6)).toBe('read it');
  const read = { ...three, read: 7 };
  expect(foldMarked(read, 6)).toBe(read);
  expect(foldMarked(read, undefined)).toBe(read);
});
