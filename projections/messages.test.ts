import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConversationEvent } from '../domain/conversation-event.ts';
import { evolve, initial } from '../domain/conversation-state.ts';
import type { Tables } from '../domain/ports/tables.ts';
import { TimelinePage } from '../gateways/protocol.ts';
import { cast, conversationEvents } from '../infra/testing/conversation-arbitrary.ts';
import { at, newConversationId as newId, project, temporaryTables } from '../infra/testing/read-side.ts';
import { byId, byPlace, messages, page, sentAs } from './messages.ts';

let tables: Tables;
beforeAll(async () => {
  tables = await temporaryTables();
});
afterAll(() => tables[Symbol.asyncDispose]());

const [by = '', other = ''] = cast;
const sent = (n: number): ConversationEvent => ({
  type: 'MessageSent',
  by,
  at: at + n,
  clientId: `c${n}`,
  content: { kind: 'text', text: `message ${n}` },
  mentions: [other],
});

describe('the timeline', () => {
  it('shows a message with all that happened to it', async () => {
    const id = newId();
    await project(tables, messages, id, [
      sent(0),
      { type: 'ReactionAdded', by: other, at, seq: 0, emoji: '👍' },
      { type: 'ReactionAdded', by, at, seq: 0, emoji: '👍' },
      { type: 'ReactionAdded', by, at, seq: 0, emoji: '❤️' },
      { type: 'ReactionRemoved', by, at, seq: 0, emoji: '❤️' },
      { type: 'MessagePinned', by: other, at: at + 5, seq: 0 },
      {
        type: 'MessageEdited',
        by,
        at: at + 6,
        seq: 0,
        content: { kind: 'action', text: 'waves' },
        mentions: [],
      },
    ]);
    const [message] = await byId(tables, id, [0]);
    expect(message).toEqual({
      kind: 'message',
      seq: 0,
      by,
      at,
      clientId: 'c0',
      content: { kind: 'action', text: 'waves' },
      mentions: [],
      editedAt: at + 6,
      pinned: { by: other, at: at + 5 },
      reactions: [{ emoji: '👍', userIds: [by, other] }],
    });
  });

  it('shows of a redacted message who redacted it, and nothing that it said', async () => {
    const id = newId();
    await project(tables, messages, id, [
      sent(0),
      { type: 'ReactionAdded', by: other, at, seq: 0, emoji: '👍' },
      { type: 'MessagePinned', by, at, seq: 0 },
      { type: 'MessageRedacted', by: other, at: at + 3, seq: 0, reason: 'rude' },
    ]);
    const redacted = { by: other, at: at + 3, reason: 'rude' };
    const [message] = await byId(tables, id, [0]);
    expect(message).toEqual({
      kind: 'message',
      seq: 0,
      by,
      at,
      clientId: 'c0',
      mentions: [],
      redacted,
      reactions: [],
    });
    const row = JSON.stringify(await tables.query('messages', id));
    for (const gone of ['message 0', 'mentions', 'pinned']) expect(row).not.toContain(gone);
  });

  it('finds a message by the id that its sender gave it', async () => {
    const id = newId();
    await project(tables, messages, id, [sent(0), sent(1)]);
    expect(await sentAs(tables, id, `${by}/c1`)).toBe(1);
    expect(await sentAs(tables, id, `${other}/c1`)).toBeUndefined();
    expect(await sentAs(tables, newId(), `${by}/c1`)).toBeUndefined();
  });

  it('gives messages by place, and nothing for what is no message', async () => {
    const [left, right] = [newId(), newId()];
    await project(tables, messages, left, [sent(0), { type: 'ConversationRenamed', by, at, title: 'x' }]);
    await project(tables, messages, right, [sent(0), sent(1)]);
    const places = [
      { conversationId: right, seq: 1 },
      { conversationId: left, seq: 1 },
      { conversationId: left, seq: 0 },
    ];
    expect((await byPlace(tables, places)).map((message) => message?.clientId)).toEqual([
      'c1',
      undefined,
      'c0',
    ]);
  });

  it('is read in pages that lead to the older and the newer ones', async () => {
    const id = newId();
    const events = Array.from(
      { length: 20 },
      (_, n): ConversationEvent =>
        n % 2 === 0 ? sent(n) : { type: 'ReactionAdded', by, at, seq: n - 1, emoji: '👍' },
    );
    await project(tables, messages, id, events);
    const ask = async (range: Parameters<typeof page>[2]) => {
      const { items, ...ends } = await page(tables, id, range);
      return { seqs: items.map(({ seq }) => seq), ...ends };
    };
    expect(await ask({ limit: 3 })).toEqual({ seqs: [14, 16, 18], before: 14 });
    expect(await ask({ limit: 3, before: 14 })).toEqual({ seqs: [8, 10, 12], before: 8, after: 12 });
    expect(await ask({ limit: 4, before: 8 })).toEqual({ seqs: [0, 2, 4, 6], after: 6 });
    expect(await ask({ limit: 3, before: 0 })).toEqual({ seqs: [] });
    expect(await ask({ limit: 3, after: 12 })).toEqual({ seqs: [14, 16, 18], before: 14 });
    expect(await ask({ limit: 2, after: 12 })).toEqual({ seqs: [14, 16], before: 14, after: 16 });
    expect(await ask({ limit: 3, after: 18 })).toEqual({ seqs: [] });
    expect(await ask({ limit: 4, around: 10 })).toEqual({ seqs: [6, 8, 10, 12], before: 6, after: 12 });
    expect(await ask({ limit: 5, around: 11 })).toEqual({ seqs: [8, 10, 12, 14, 16], before: 8, after: 16 });
    expect(await ask({ limit: 4, around: 0 })).toEqual({ seqs: [0, 2], after: 2 });
    expect(await ask({ limit: 1, around: 4 })).toEqual({ seqs: [4], before: 4, after: 4 });
    expect(await ask({ limit: 500 })).toEqual({ seqs: [0, 2, 4, 6, 8, 10, 12, 14, 16, 18] });
    expect(await page(tables, newId(), { limit: 5 })).toEqual({ items: [] });
  });

  it('says of every message what the conversation’s state says, in the shape of the protocol', async () => {
    await fc.assert(
      fc.asyncProperty(conversationEvents(), async (events) => {
        const id = newId();
        await project(tables, messages, id, events);
        const state = events.reduce(evolve, initial());
        const timeline: TimelinePage = {
          ...(await page(tables, id, { limit: 500 })),
          lastSeq: events.length,
        };
        expect(TimelinePage.parse(timeline)).toEqual(timeline);
        const shown = timeline.items.flatMap((item) => (item.kind === 'message' ? [item] : []));
        expect(shown.map(({ seq }) => seq)).toEqual([...state.messages.keys()]);
        for (const message of shown) {
          const known = state.messages.get(message.seq);
          expect(message.content).toEqual(known?.redacted ? undefined : known?.content);
          expect(message.redacted !== undefined).toBe(known?.redacted);
          expect(message.replyTo).toBe(known?.replyTo);
          expect(message.pinned !== undefined).toBe(state.pins.has(message.seq));
          const reactions = [...(known?.reactions ?? [])].map(([emoji, people]) => ({
            emoji,
            userIds: [...people].sort(),
          }));
          expect(message.reactions).toEqual(reactions.sort((a, b) => (a.emoji < b.emoji ? -1 : 1)));
          expect(await sentAs(tables, id, `${message.by}/${message.clientId}`)).toBe(message.seq);
        }
      }),
      { numRuns: 60 },
    );
  });
});
