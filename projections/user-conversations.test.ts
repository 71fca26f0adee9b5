import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Tables } from '../domain/ports/tables.ts';
import { cast } from '../infra/testing/conversation-arbitrary.ts';
import { project, temporaryTables } from '../infra/testing/read-side.ts';
import { of, userConversations } from './user-conversations.ts';

let tables: Tables;
beforeAll(async () => {
  tables = await temporaryTables();
});
afterAll(() => tables[Symbol.asyncDispose]());

const [ann = '', ben = ''] = cast;
const at = 1_700_000_000_000;
const idOf = (n: number) => `01J${String(n).padStart(23, '0')}`;

describe('the conversations of a person', () => {
  it('are all that they are a member of, however many', async () => {
    for (let n = 0; n < 1100; n += 1) {
      await project(tables, userConversations, idOf(n), [
        { type: 'MemberJoined', by: ann, at, userId: ben, role: 'member' },
        ...(n % 100 === 0 ? [{ type: 'MemberLeft', by: ben, at, userId: ben } as const] : []),
      ]);
    }
    const mine = await of(tables, ben);
    expect(mine).toHaveLength(1089);
    expect(mine[0]).toEqual({ conversationId: idOf(1), role: 'member', joinedAt: at, addedBy: ann });
    expect(mine.at(-1)?.conversationId).toBe(idOf(1099));
    expect(await of(tables, ann)).toEqual([]);
  });
});
