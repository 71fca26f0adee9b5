import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evolve, initial } from '../domain/conversation-state.ts';
import type { Tables } from '../domain/ports/tables.ts';
import type { Member } from '../gateways/protocol.ts';
import { cast, conversationEvents } from '../infra/testing/conversation-arbitrary.ts';
import { at, newConversationId as newId, project, temporaryTables } from '../infra/testing/read-side.ts';
import { conversationMembers, list, membershipIn } from './conversation-members.ts';

let tables: Tables;
beforeAll(async () => {
  tables = await temporaryTables();
});
afterAll(() => tables[Symbol.asyncDispose]());

const [ann = '', ben = '', cat = ''] = cast;

describe('the members of a conversation', () => {
  it('are those who are in it now, with their role and who added them', async () => {
    const id = newId();
    await project(tables, conversationMembers, id, [
      { type: 'MemberJoined', by: ann, at, userId: ann, role: 'owner' },
      { type: 'MemberJoined', by: ann, at: at + 1, userId: ben, role: 'member' },
      { type: 'MemberJoined', by: ann, at: at + 2, userId: cat, role: 'member' },
      { type: 'MemberLeft', by: cat, at: at + 3, userId: cat },
      { type: 'MemberRoleChanged', by: ann, at: at + 4, userId: ben, role: 'admin' },
    ]);
    const members: Member[] = await list(tables, id);
    expect(members).toEqual([
      { userId: ann, role: 'owner', joinedAt: at, addedBy: ann },
      { userId: ben, role: 'admin', joinedAt: at + 1, addedBy: ann },
    ]);
    expect(await membershipIn(tables, id, ben)).toMatchObject({ role: 'admin', joinedSeq: 1 });
    expect(await membershipIn(tables, id, cat)).toBeUndefined();
  });

  it('were banned, and after that removed, and come back as new', async () => {
    const id = newId();
    const statuses: unknown[] = [];
    const events = [
      { type: 'MemberJoined', by: ann, at, userId: ben, role: 'admin' },
      { type: 'MemberBanned', by: ann, at, userId: ben },
      { type: 'MemberUnbanned', by: ann, at, userId: ben },
      { type: 'MemberJoined', by: ann, at: at + 9, userId: ben, role: 'member' },
    ] as const;
    for (const n of events.keys()) {
      await project(tables, conversationMembers, id, events.slice(0, n + 1));
      statuses.push((await tables.get('conversation-members', [{ pk: id, sk: ben }]))[0]?.['status']);
    }
    expect(statuses).toEqual(['member', 'banned', 'removed', 'member']);
    expect(await list(tables, id)).toEqual([{ userId: ben, role: 'member', joinedAt: at + 9, addedBy: ann }]);
  });

  it('are those of the conversation’s state', async () => {
    await fc.assert(
      fc.asyncProperty(conversationEvents(), async (events) => {
        const id = newId();
        await project(tables, conversationMembers, id, events);
        const members = (await list(tables, id)).map(({ userId, role }) => [userId, role] as const);
        expect(new Map(members)).toEqual(events.reduce(evolve, initial()).members);
        expect(members).toHaveLength(new Map(members).size);
      }),
      { numRuns: 60 },
    );
  });
});
