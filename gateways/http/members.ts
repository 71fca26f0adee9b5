import { z } from 'zod';
import { Role } from '../../domain/conversation-event.ts';
import { UserId } from '../../domain/id.ts';
import { limits } from '../../domain/limits.ts';
import * as members from '../../projections/conversation-members.ts';
import { Member } from '../protocol.ts';
import type { Access } from './access.ts';
import { type App, identityOf } from './app.ts';
import type { HttpDeps } from './deps.ts';
import { asking, reading } from './document.ts';
import { OfConversation, OfMember } from './parameters.ts';
import type { Perform } from './perform.ts';

const tags = ['Members'];
const moderation = ['conversation_not_found', 'direct_is_fixed', 'not_allowed'] as const;

/** Who is in a conversation, and as what. */
export const memberRoutes =
  ({ tables }: Pick<HttpDeps, 'tables'>, access: Access, perform: Perform) =>
  (app: App) => {
    const path = '/v1/conversations/:conversationId';

    app.get(
      `${path}/members`,
      {
        schema: {
          ...reading('Who is in it', tags, z.object({ members: z.array(Member) })),
          params: OfConversation,
        },
      },
      async (request): Promise<{ members: Member[] }> => {
        const { conversationId } = request.params;
        await access(request, conversationId);
        return { members: await members.list(tables, conversationId) };
      },
    );

    app.post(
      `${path}/members`,
      {
        schema: {
          ...asking('Add people', tags, [
            ...moderation,
            'user_not_found',
            'member_banned',
            'too_many_members',
          ]),
          params: OfConversation,
          body: z.object({ userIds: z.array(UserId).min(1).max(limits.members), role: Role.optional() }),
        },
      },
      (request) => perform(request, { type: 'AddMembers', ...request.params, ...request.body }),
    );

    app.delete(
      `${path}/members/:userId`,
      { schema: { ...asking('Remove somebody, or leave', tags, moderation), params: OfMember } },
      (request) => {
        const { conversationId, userId } = request.params;
        const leaving = userId === identityOf(request).userId;
        return perform(
          request,
          leaving
            ? { type: 'LeaveConversation', conversationId }
            : { type: 'RemoveMember', conversationId, userId },
        );
      },
    );

    app.put(
      `${path}/members/:userId/role`,
      {
        schema: {
          ...asking('Change somebody’s role', tags, [...moderation, 'not_a_member']),
          params: OfMember,
          body: z.object({ role: Role }),
        },
      },
      (request) => perform(request, { type: 'ChangeRole', ...request.params, ...request.body }),
    );

    app.put(
      `${path}/bans/:userId`,
      {
        schema: {
          ...asking('Ban somebody', tags, [...moderation, 'user_not_found', 'too_many_bans']),
          params: OfMember,
        },
      },
      (request) => perform(request, { type: 'BanMember', ...request.params }),
    );

    app.delete(
      `${path}/bans/:userId`,
      { schema: { ...asking('Lift a ban', tags, moderation), params: OfMember } },
      (request) => perform(request, { type: 'UnbanMember', ...request.params }),
    );
  };
