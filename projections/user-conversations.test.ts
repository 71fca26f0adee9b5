import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Tables } from '../domain/ports/tables.ts';
import { cast } from '../infra/testing/conversation-arbitrary.ts';
import { at, newConversationId as newId, project, temporaryTables } from '../infra/testing/read-side.ts';
import { of, userConversations } from './user-conversations.ts';

let tables: Tables;
beforeAll(async () => {
  tables = await temporaryTables();
});
afterAll(() => tables[Symbol.asyncDispose]());

const [ann = '', ben = ''] = cast;
const ids = Array.from({ length: 1100 }, newId);

describe('the conversations of a person', () => {
  it('are all that they are a member of, however many', async () => {
    for (const [n, id] of ids.entries()) {
      await project(tables, userConversations, id, [
        { type: 'MemberJoined', by: ann, at, userId: ben, role: 'member' },
        ...(n % 100 === 0 ? [{ type: 'MemberLeft', by: ben, at, userId: ben } as const] : []),
      ]);
    }
    const mine = await of(tables, ben);
    expect(mine).toHaveLength(1089);
    expect(mine[0]).toEqual({
      conversationId: ids[1],
      role: 'member',
      joinedAt: at,
      joinedSeq: 0,
      addedBy: ann,
    });
    expect(mine.at(-1)?.conversationId).toBe(ids.at(-1));
    expect(await of(tables, ann)).toEqual([]);
  });
});
