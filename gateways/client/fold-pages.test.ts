import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SequencedEvent, TimelinePage } from '../protocol.ts';
import { fold, join, timelineOf, trim } from './fold.ts';
import type { ConversationEvent, Seq } from './types.ts';

const at = 1_700_000_000_000;
const text = (said: string) => ({ kind: 'text', text: said }) as const;
const sequenced = (events: readonly ConversationEvent[], from = 0): SequencedEvent[] =>
  events.map((event, index) => ({ seq: from + index, event }));
const folded = (events: readonly ConversationEvent[]) =>
  fold({ items: [], before: undefined, after: undefined, lastSeq: -1 }, sequenced(events)).timeline;

const people = ['ada', 'ben', 'chi'];
const emoji = ['👍', '🎉'];
type Choice = { kind: number; who: number; which: number };

/** Makes each choice an event that can follow the ones before it. */
const historyOf = (choices: readonly Choice[]): ConversationEvent[] => {
  const events: ConversationEvent[] = [];
  for (const { kind, who, which } of choices) {
    const by = people[who % people.length] ?? 'ada';
    const messages = events.flatMap(({ type }, seq) => (type === 'MessageSent' ? [seq] : []));
    const seq = messages[which % Math.max(1, messages.length)];
    const said = `message ${events.length}`;
    const sign = emoji[which % 2] ?? '👍';
    if (kind < 5 || seq === undefined) {
      events.push({ type: 'MessageSent', by, at, clientId: said, content: text(said), mentions: [] });
    } else if (kind === 5) {
      events.push({ type: 'MemberJoined', by: 'ada', at, userId: by, role: 'member' });
    } else if (kind === 6)
      events.push({ type: 'MessageEdited', by, at, seq, content: text(said), mentions: [] });
    else if (kind === 7) events.push({ type: 'ReactionAdded', by, at, seq, emoji: sign });
    else if (kind === 8) events.push({ type: 'ReactionRemoved', by, at, seq, emoji: sign });
    else if (kind === 9) events.push({ type: 'MessagePinned', by, at, seq });
    else events.push({ type: 'MessageRedacted', by, at, seq });
  }
  return events;
};

type Place = { before?: Seq; after?: Seq };

/** A page of four, as a server that has seen these events answers it. */
const pageOf = (events: readonly ConversationEvent[], { before, after }: Place): TimelinePage => {
  const { items, lastSeq } = folded(events);
  const start =
    after === undefined
      ? Math.max(0, items.filter(({ seq }) => seq < (before ?? Number.POSITIVE_INFINITY)).length - 4)
      : items.filter(({ seq }) => seq <= after).length;
  const end =
    after === undefined
      ? items.filter(({ seq }) => seq < (before ?? Number.POSITIVE_INFINITY)).length
      : Math.min(items.length, start + 4);
  const shown = items.slice(start, end);
  const [first, last] = [shown[0], shown.at(-1)];
  return {
    items: shown,
    ...(start > 0 && first && { before: first.seq }),
    ...(end < items.length && last && { after: last.seq }),
    lastSeq,
  };
};

const choice = fc.record({ kind: fc.nat(10), who: fc.nat(2), which: fc.nat(30) });
const step = fc.record({
  what: fc.constantFrom('live', 'older', 'newer', 'trim older', 'trim newer'),
  /** How many events go by while a page is on its way, and how many of them the page knows. */
  meanwhile: fc.nat(3),
  ahead: fc.nat(3),
});

test('however pages and live events interleave, what is shown is what the whole history says', () => {
  fc.assert(
    fc.property(
      fc.array(choice, { minLength: 1, maxLength: 40 }),
      fc.nat(20),
      fc.array(step, { maxLength: 25 }),
      (choices, start, steps) => {
        const events = historyOf(choices);
        let happened = Math.min(events.length, start + 1);
        let timeline = timelineOf(pageOf(events.slice(0, happened), {}));
        const live = (count: number): SequencedEvent[] => {
          const fresh = sequenced(events.slice(happened, happened + count), happened);
          happened += fresh.length;
          timeline = fold(timeline, fresh).timeline;
          return fresh;
        };
        const read = (side: 'older' | 'newer', meanwhile: number, ahead: number) => {
          const from = side === 'older' ? timeline.before : timeline.after;
          if (from === undefined) return;
          const known = Math.min(events.length, happened + ahead);
          const page = pageOf(events.slice(0, known), side === 'older' ? { before: from } : { after: from });
          const recent = live(meanwhile);
          timeline = join(timeline, side, page, recent);
        };
        for (const { what, meanwhile, ahead } of steps) {
          if (what === 'live') live(1 + meanwhile);
          else if (what === 'older' || what === 'newer') read(what, meanwhile, ahead);
          else timeline = trim(timeline, what === 'trim older' ? 'older' : 'newer', 5);
        }
        live(events.length);
        while (timeline.after !== undefined) read('newer', 0, 0);
        while (timeline.before !== undefined) read('older', 0, 0);
        const whole = folded(events);
        expect(timeline.lastSeq).toBe(whole.lastSeq);
        expect(timeline.items).toEqual(whole.items);
      },
    ),
    { numRuns: 500 },
  );
});
