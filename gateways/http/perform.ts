import type { FastifyRequest } from 'fastify';
import { ulid } from 'ulid';
import type { Wish } from '../../commands/execute.ts';
import type { Acknowledgement } from '../protocol.ts';
import { accepted, rateLimited } from '../rejections.ts';
import { identityOf } from './app.ts';
import type { HttpDeps } from './deps.ts';

export type Perform = (request: FastifyRequest, wish: Wish) => Promise<Acknowledgement>;

/**
 * Asks for it in the name of whoever sent the request. The answer waits for the views, so that the next GET shows what
 * was done; when they are late it is given anyhow, because it is durable.
 */
export const createPerform =
  (deps: Pick<HttpDeps, 'execute' | 'limiter' | 'running' | 'now'> & { waitMs: number }): Perform =>
  async (request, wish) => {
    const { userId, deviceId } = identityOf(request);
    const about = 'conversationId' in wish ? wish.conversationId : undefined;
    const limited = await deps.limiter.take({ userId, deviceId, address: request.ip }, about);
    if (limited) throw rateLimited(limited);
    const key = request.headers['idempotency-key'];
    const id = typeof key === 'string' ? key : ulid(deps.now());
    const answer = accepted(
      await deps.execute({ id, by: userId, meta: { correlationId: request.id, deviceId } }, wish),
    );
    await deps.running.seen(answer.conversationId, answer.seq, deps.waitMs);
    return answer;
  };
