import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyRequest } from 'fastify';
import type { ConversationId, Seq } from '../../domain/id.ts';
import { membershipIn } from '../../projections/conversation-members.ts';
import type { Membership } from '../../projections/membership.ts';
import { Refusal } from '../rejections.ts';
import { identityOf } from './app.ts';
import type { HttpDeps } from './deps.ts';

/** The asker's part in the conversation, from a view that holds it up to `atLeast`. Throws a `Refusal`. */
export type Access = (
  request: FastifyRequest,
  conversationId: ConversationId,
  atLeast?: Seq,
) => Promise<Membership>;

/**
 * A conversation that one is not in answers exactly like one that does not exist; with `atLeast` also after the same
 * time, or the wait would tell them apart.
 */
export const createAccess = ({
  tables,
  running,
  waitMs,
}: Pick<HttpDeps, 'tables' | 'running'> & { waitMs: number }): Access => {
  return async (request, conversationId, atLeast) => {
    const { userId } = identityOf(request);
    const membershipNow = () => membershipIn(tables, conversationId, userId);
    const membership = await membershipNow();
    if (atLeast === undefined) return membership ?? missing();
    const until = pause(waitMs, undefined, { ref: false });
    const seen = await running.seen(conversationId, atLeast, waitMs);
    const fresh = await membershipNow();
    if (fresh === undefined) {
      if (membership === undefined) await until;
      return missing();
    }
    if (!seen) throw new Refusal('view_behind');
    return fresh;
  };
};

const missing = () => {
  throw new Refusal('conversation_not_found');
};
