import { describe, expect, test } from 'vitest';
import type { Message, SequencedEvent } from '../protocol.ts';
import { type Timeline, fold, indexOf, touch, trim } from './fold.ts';
import type { ConversationEvent, Seq } from './types.ts';

const at = 1_700_000_000_000;
const text = (said: string) => ({ kind: 'text', text: said }) as const;
const sent = (by: string, said: string): ConversationEvent => ({
  type: 'MessageSent',
  by,
  at,
  clientId: said,
  content: text(said),
  mentions: [],
});
const joined = (userId: string): ConversationEvent => ({
  type: 'MemberJoined',
  by: 'ada',
  at,
  userId,
  role: 'member',
});
const sequenced = (events: readonly ConversationEvent[], from = 0): SequencedEvent[] =>
  events.map((event, index) => ({ seq: from + index, event }));

const empty: Timeline = { items: [], before: undefined, after: undefined, lastSeq: -1 };
const folded = (...events: ConversationEvent[]) => fold(empty, sequenced(events)).timeline;
const messageIn = (timeline: Timeline, seq: Seq): Message | undefined => {
  const item = timeline.items[indexOf(timeline.items, seq)];
  return item?.kind === 'message' ? item : undefined;
};

describe('fold', () => {
  test('messages and notices come in order', () => {
    const { items, lastSeq } = folded(joined('ben'), sent('ada', 'one'), sent('ben', 'two'));
    expect(items.map(({ kind, seq }) => [kind, seq])).toEqual([
      ['notice', 0],
      ['message', 1],
      ['message', 2],
    ]);
    expect(lastSeq).toBe(2);
  });

  test('events that are there already change nothing', () => {
    const once = folded(sent('ada', 'one'), sent('ada', 'two'));
    expect(fold(once, sequenced([sent('ada', 'one'), sent('ada', 'two')])).timeline).toBe(once);
  });

  test('it stops at a gap and hands back what waits behind it', () => {
    const start = folded(sent('ada', 'zero'));
    const later = [
      { seq: 1, event: sent('ada', 'one') },
      { seq: 3, event: sent('ada', 'three') },
    ];
    const { timeline, rest } = fold(start, later);
    expect(timeline.lastSeq).toBe(1);
    expect(rest).toEqual([{ seq: 3, event: sent('ada', 'three') }]);
  });

  test('a gap in what the server read from the log is passed over', () => {
    const { timeline, rest } = fold(
      folded(sent('ada', 'zero')),
      [{ seq: 2, event: sent('ada', 'two') }],
      true,
    );
    expect([timeline.lastSeq, rest.length, timeline.items.length]).toEqual([2, 0, 2]);
  });

  test('a new message does not follow a stretch of the past', () => {
    const past = { ...folded(sent('ada', 'zero')), after: 0 };
    const { timeline } = fold(past, [{ seq: 1, event: sent('ada', 'one') }]);
    expect(timeline.items).toHaveLength(1);
    expect(timeline.lastSeq).toBe(1);
  });

  test('an edit changes text and mentions', () => {
    const edited: ConversationEvent = {
      type: 'MessageEdited',
      by: 'ada',
      at: at + 1,
      seq: 0,
      content: text('better'),
      mentions: ['ben'],
    };
    expect(messageIn(folded(sent('ada', 'good'), edited), 0)).toMatchObject({
      content: text('better'),
      mentions: ['ben'],
      editedAt: at + 1,
    });
  });

  test('of a redacted message nothing is left but that it was there, whatever comes after', () => {
    const about = { by: 'ada', at, seq: 0 };
    const message = messageIn(
      folded(
        sent('ada', 'secret'),
        { type: 'ReactionAdded', ...about, emoji: '👍' },
        { type: 'MessagePinned', ...about },
        { type: 'MessageRedacted', ...about, reason: 'a mistake' },
        { type: 'MessageEdited', ...about, content: text('again'), mentions: [] },
        { type: 'ReactionAdded', ...about, emoji: '👍' },
      ),
      0,
    );
    expect(message).toEqual({
      kind: 'message',
      seq: 0,
      by: 'ada',
      at,
      clientId: 'secret',
      mentions: [],
      reactions: [],
      redacted: { by: 'ada', at, reason: 'a mistake' },
    });
  });

  test('reactions count people once, and the last one takes the emoji away', () => {
    const react = (by: string, type: 'ReactionAdded' | 'ReactionRemoved'): ConversationEvent => ({
      type,
      by,
      at,
      seq: 0,
      emoji: '🎉',
    });
    const three = folded(
      sent('ada', 'hi'),
      react('ben', 'ReactionAdded'),
      react('chi', 'ReactionAdded'),
      react('ben', 'ReactionAdded'),
    );
    expect(messageIn(three, 0)?.reactions).toEqual([{ emoji: '🎉', userIds: ['chi', 'ben'] }]);
    const { timeline } = fold(
      three,
      sequenced([react('ben', 'ReactionRemoved'), react('chi', 'ReactionRemoved')], 4),
    );
    expect(messageIn(timeline, 0)?.reactions).toEqual([]);
  });
});

describe('trim', () => {
  const long = folded(...Array.from({ length: 10 }, (_, index) => sent('ada', String(index))));

  test('keeps the side that grew and says from where to ask for the rest', () => {
    const older = trim(long, 'older', 4);
    expect([older.items.map(({ seq }) => seq), older.after]).toEqual([[0, 1, 2, 3], 3]);
    const newer = trim(long, 'newer', 4);
    expect([newer.items.map(({ seq }) => seq), newer.before]).toEqual([[6, 7, 8, 9], 6]);
  });

  test('counts notices in a row as one', () => {
    const crowd = folded(sent('ada', 'hi'), joined('ben'), joined('chi'), joined('dan'), sent('ada', 'bye'));
    expect(trim(crowd, 'newer', 3)).toBe(crowd);
    expect(trim(crowd, 'newer', 2).items).toHaveLength(4);
  });
});

test('an event about another message leaves a message as it is', () => {
  const message = messageIn(folded(sent('ada', 'hi')), 0);
  expect(message && touch(message, joined('ben'))).toBe(message);
});
