import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConversationEvent } from '../domain/conversation-event.ts';
import type { Tables } from '../domain/ports/tables.ts';
import { cast, conversationEvents } from '../infra/testing/conversation-arbitrary.ts';
import { membersIn, unreadFor } from '../infra/testing/delivery-model.ts';
import { at, newConversationId as newId, project, temporaryTables } from '../infra/testing/read-side.ts';
import { membershipIn, conversationMembers } from './conversation-members.ts';
import { conversations, get } from './conversations.ts';
import { messages } from './messages.ts';
import { unreadLimits, unreadOf, unreadOfAll } from './unread.ts';

let tables: Tables;
beforeAll(async () => {
  tables = await temporaryTables();
});
afterAll(() => tables[Symbol.asyncDispose]());

const [ann = '', ben = ''] = cast;
const sent = (n: number, by = ann, mentions: string[] = []): ConversationEvent => ({
  type: 'MessageSent',
  by,
  at: at + n,
  clientId: `c${n}`,
  content: { kind: 'text', text: `message ${n}` },
  mentions,
});
const joined = (userId: string): ConversationEvent => ({
  type: 'MemberJoined',
  by: ann,
  at,
  userId,
  role: 'member',
});

/** As the views have it. */
const unreadIn = async (id: string, userId: string, read?: number) => {
  const [[conversation], membership] = [
    await get(tables, [id]),
    await membershipIn(tables, id, userId),
  ] as const;
  return unreadOf(tables, userId, {
    conversationId: id,
    read,
    joinedSeq: membership?.joinedSeq ?? -1,
    lastMessageSeq: conversation?.lastMessageSeq,
  });
};
const projectAll = async (id: string, events: readonly ConversationEvent[]) => {
  for (const one of [messages, conversations, conversationMembers]) await project(tables, one, id, events);
};
const created: ConversationEvent = {
  type: 'ConversationCreated',
  by: ann,
  at,
  kind: 'group',
  title: 'plans',
};

describe('what is unread', () => {
  it('are others’ messages after what was read, not one’s own, and not those of before one came', async () => {
    const id = newId();
    await projectAll(id, [
      created,
      joined(ann),
      sent(2),
      joined(ben),
      sent(4),
      sent(5, ben),
      sent(6),
      sent(7),
    ]);
    expect(await unreadIn(id, ben)).toEqual({ unread: 3, mentions: 0 });
    expect(await unreadIn(id, ben, 4)).toEqual({ unread: 2, mentions: 0 });
    expect(await unreadIn(id, ben, 7)).toEqual({ unread: 0, mentions: 0 });
    expect(await unreadIn(id, ann)).toEqual({ unread: 1, mentions: 0 });
  });

  it('mentions somebody as it is now: an edit gives and takes mentions, a redaction takes them', async () => {
    const id = newId();
    const edit = (seq: number, mentions: string[]): ConversationEvent => ({
      type: 'MessageEdited',
      by: ann,
      at,
      seq,
      content: { kind: 'text', text: 'otherwise' },
      mentions,
    });
    const events = [created, joined(ann), joined(ben), sent(3, ann, [ben]), sent(4), sent(5, ann, [ben])];
    await projectAll(id, events);
    expect(await unreadIn(id, ben)).toEqual({ unread: 3, mentions: 2 });
    events.push(edit(3, []), edit(4, [ben, ann]), { type: 'MessageRedacted', by: ann, at, seq: 5 });
    await projectAll(id, events);
    expect(await unreadIn(id, ben)).toEqual({ unread: 3, mentions: 1 });
    expect(await unreadIn(id, ben, 4)).toEqual({ unread: 1, mentions: 0 });
  });

  it('is counted to a limit, and not looked for when there can be nothing', async () => {
    const id = newId();
    const many = Array.from({ length: unreadLimits.counted + 5 }, (_, n) => sent(n + 2, ann, [ben]));
    await projectAll(id, [created, joined(ben), ...many]);
    const { counted } = unreadLimits;
    expect(await unreadIn(id, ben)).toEqual({ unread: counted, mentions: counted });
    let queries = 0;
    const counting: Tables = {
      ...tables,
      query: (...query) => {
        queries += 1;
        return tables.query(...query);
      },
    };
    const range = { conversationId: id, joinedSeq: 1, lastMessageSeq: many.length + 1 };
    const found = await unreadOfAll(counting, ben, [
      { ...range, read: many.length + 1 },
      { ...range, joinedSeq: many.length + 2 },
      { conversationId: newId(), joinedSeq: 1 },
      { ...range, read: many.length },
    ]);
    expect(found.map(({ unread }) => unread)).toEqual([0, 0, 0, 1]);
    expect(queries).toBe(1);
  });

  it('is what the events say, whatever happened and whatever was read', async () => {
    await fc.assert(
      fc.asyncProperty(conversationEvents({ maxLength: 60 }), fc.array(fc.nat(70)), async (events, reads) => {
        const id = newId();
        await projectAll(id, events);
        const members = membersIn(events);
        for (const userId of members.keys())
          for (const read of [undefined, ...reads])
            expect(await unreadIn(id, userId, read)).toEqual(unreadFor(events, userId, read));
      }),
      { numRuns: 60 },
    );
  });
});
