import { expect, test } from 'vitest';
import type { ConversationDetail, ConversationSummary } from '../protocol.ts';
import { foldDetail, foldSummary } from './summary.ts';
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

test('what is known changes nothing, and a gap is told', () => {
  expect(next(hello, 4)).toBe(summary);
  expect(next(hello, 6)).toBe('gap');
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
