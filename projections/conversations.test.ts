import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evolve, initial } from '../domain/conversation-state.ts';
import type { Tables } from '../domain/ports/tables.ts';
import type { ConversationDetail } from '../gateways/protocol.ts';
import { cast, conversationEvents } from '../infra/testing/conversation-arbitrary.ts';
import {
  at,
  messageSent as message,
  newConversationId as newId,
  project,
  temporaryTables,
} from '../infra/testing/read-side.ts';
import { conversations, get } from './conversations.ts';

let tables: Tables;
beforeAll(async () => {
  tables = await temporaryTables();
});
afterAll(() => tables[Symbol.asyncDispose]());

const [by = '', other = ''] = cast;

describe('the view of a conversation', () => {
  it('counts every event as the last, and messages only as activity', async () => {
    const id = newId();
    await project(tables, conversations, id, [
      { type: 'ConversationCreated', by, at, kind: 'group', title: 'plans' },
      { type: 'MemberJoined', by, at: at + 1, userId: by, role: 'owner' },
      message(2),
      { type: 'ReactionAdded', by, at: at + 3, seq: 2, emoji: '👍' },
      { type: 'TopicChanged', by, at: at + 4, topic: 'food' },
    ]);
    const [view] = await get(tables, [id]);
    expect(view).toEqual({
      conversationId: id,
      kind: 'group',
      title: 'plans',
      topic: 'food',
      createdAt: at,
      createdBy: by,
      lastSeq: 4,
      lastActivityAt: at + 2,
      lastMessageSeq: 2,
      pins: [],
    });
  });

  it('holds the two people of a direct one, the pins in order, and no pin of what was redacted', async () => {
    const id = newId();
    await project(tables, conversations, id, [
      { type: 'ConversationCreated', by, at, kind: 'direct', people: [by, other] },
      message(1),
      message(2),
      message(3),
      { type: 'MessagePinned', by, at, seq: 3 },
      { type: 'MessagePinned', by, at, seq: 1 },
      { type: 'MessagePinned', by, at, seq: 2 },
      { type: 'MessageRedacted', by, at, seq: 2 },
    ]);
    const [view, none] = await get(tables, [id, newId()]);
    expect(view).toMatchObject({ kind: 'direct', people: [by, other], pins: [1, 3], lastSeq: 7 });
    expect(view).not.toHaveProperty('title');
    expect(none).toBeUndefined();
  });

  it('says what the conversation’s state says, in the shape of the protocol', async () => {
    await fc.assert(
      fc.asyncProperty(conversationEvents(), async (events) => {
        const id = newId();
        await project(tables, conversations, id, events);
        const state = events.reduce(evolve, initial());
        const [view] = await get(tables, [id]);
        view satisfies Omit<ConversationDetail, 'role' | 'members' | 'unread' | 'mentions'> | undefined;
        expect(view).toMatchObject({
          kind: state.kind,
          lastSeq: state.revision,
          pins: [...state.pins].sort((a, b) => a - b),
        });
        expect(view?.title).toBe(state.title);
        expect(view?.topic ?? '').toBe(state.topic);
        expect(view?.lastMessageSeq).toBe([...state.messages.keys()].at(-1));
      }),
      { numRuns: 60 },
    );
  });
});
