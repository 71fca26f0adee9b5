import { randomBytes } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Poll, PollAnswer, PollRequest } from '../protocol.ts';
import { Refusal } from '../rejections.ts';
import type { Backlog } from '../websocket/backlog.ts';
import type { Connections } from '../websocket/connections.ts';
import { isForeign } from '../websocket/origin.ts';
import { PollTransport, type PollTimes } from '../websocket/poll-transport.ts';
import type { App } from './app.ts';
import { done, refusals } from './document.ts';

const tags = ['Live'];

/** Whoever knows it speaks for whoever said hello there: it can't be guessed. */
const POLL_ID_BYTES = 24;
const OfPoll = z.object({ pollId: z.string().max(100) });
/** When whoever was not let in may try again. */
const RETRY_MS = 5_000;

export type Polls = ReturnType<typeof createPolls>;

/** Connections whose frames come and go in HTTP requests. */
export const createPolls = (
  connections: Pick<Connections, 'refuses' | 'open'>,
  backlog: Backlog,
  times?: PollTimes,
) => {
  const polls = new Map<string, PollTransport>();
  return {
    count: () => polls.size,

    open(address: string): Poll {
      const refused = connections.refuses(address);
      if (refused) throw new Refusal(refused, undefined, RETRY_MS);
      const pollId = randomBytes(POLL_ID_BYTES).toString('base64url');
      const onEnd = () => {
        polls.delete(pollId);
        leave();
      };
      const transport = new PollTransport(address, backlog, onEnd, times);
      const leave = connections.open(transport);
      polls.set(pollId, transport);
      return { pollId };
    },

    of(pollId: string): PollTransport {
      const transport = polls.get(pollId);
      if (!transport) throw new Refusal('poll_not_found');
      return transport;
    },
  };
};

/** The same frames as over the WebSocket. Who asks is in the `hello` frame. */
export const pollRoutes =
  (polls: Polls, publicUrl: string | undefined) =>
  (app: App): void => {
    const publicHost = publicUrl === undefined ? undefined : new URL(publicUrl).host;
    app.addHook('onRequest', async (request: FastifyRequest) => {
      if (isForeign(request.headers, publicHost)) throw new Refusal('foreign_origin');
    });

    app.post(
      '/v1/polls',
      {
        schema: {
          summary: 'Begin to poll, where WebSocket does not get through',
          tags,
          response: { 201: Poll, ...refusals('foreign_origin', 'too_many_connections', 'overloaded') },
        },
      },
      async (request, reply) => reply.status(201).send(polls.open(request.ip)),
    );

    app.post(
      '/v1/polls/:pollId',
      {
        schema: {
          summary: 'Say frames, and wait for some',
          tags,
          params: OfPoll,
          body: PollRequest,
          response: { 200: PollAnswer, ...refusals('foreign_origin', 'poll_not_found') },
        },
      },
      async (request, reply) => {
        const answer = await polls.of(request.params.pollId).ask(request.body);
        // It is JSON already, of frames that others have too.
        return reply.type('application/json; charset=utf-8').send(answer as never);
      },
    );

    app.delete(
      '/v1/polls/:pollId',
      {
        schema: {
          summary: 'Leave',
          tags,
          params: OfPoll,
          response: { 204: done, ...refusals('foreign_origin', 'poll_not_found') },
        },
      },
      async (request, reply) => {
        polls.of(request.params.pollId).terminate();
        return reply.status(204).send(null);
      },
    );
  };
