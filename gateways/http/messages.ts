import { z } from 'zod';
import { Mentions, Reason } from '../../domain/conversation-event.ts';
import { Seq } from '../../domain/id.ts';
import { limits } from '../../domain/limits.ts';
import * as conversations from '../../projections/conversations.ts';
import { heldUpTo } from '../../projections/held.ts';
import * as messages from '../../projections/messages.ts';
import { Message, NewContent, TimelinePage } from '../protocol.ts';
import { Refusal } from '../rejections.ts';
import type { Access } from './access.ts';
import type { App } from './app.ts';
import type { HttpDeps } from './deps.ts';
import { asking, making, reading } from './document.ts';
import { AtLeast, OfConversation, OfMessage, OfReaction, SeqText, limitText } from './parameters.ts';
import type { Perform } from './perform.ts';

const tags = ['Messages'];
const onMessage = ['conversation_not_found', 'message_not_found', 'message_redacted'] as const;

const Place = z
  .object({
    before: SeqText.optional().meta({ description: 'Items older than this seq' }),
    after: SeqText.optional().meta({ description: 'Items newer than this seq' }),
    around: SeqText.optional().meta({ description: 'Items on both sides of this seq' }),
    limit: limitText(100, 50),
    atLeast: AtLeast,
  })
  .refine(
    ({ before, after, around }) => [before, after, around].filter((seq) => seq !== undefined).length <= 1,
    'only one of before, after and around',
  );

/** The timeline of a conversation, and what is done with its messages. */
export const messageRoutes =
  ({ tables }: Pick<HttpDeps, 'tables'>, access: Access, perform: Perform) =>
  (app: App) => {
    const path = '/v1/conversations/:conversationId';
    const one = `${path}/messages/:seq`;

    app.get(
      `${path}/messages`,
      {
        schema: {
          ...reading('A page of the timeline', tags, TimelinePage, ['view_behind']),
          description: 'Without a place, the newest items.',
          params: OfConversation,
          querystring: Place,
        },
      },
      async (request): Promise<TimelinePage> => {
        const { conversationId } = request.params;
        const { atLeast, limit, before, after, around } = request.query;
        const place = {
          limit,
          ...(before !== undefined && { before }),
          ...(after !== undefined && { after }),
          ...(around !== undefined && { around }),
        };
        await access(request, conversationId, atLeast);
        // Read first: the page may hold more than it promises, never less.
        const [lastSeq = -1] = await heldUpTo(tables, [conversationId]);
        if (lastSeq < 0) throw new Refusal('view_behind');
        const page = await messages.page(tables, conversationId, place);
        return { ...page, lastSeq };
      },
    );

    app.get(
      one,
      { schema: { ...reading('One message', tags, Message, ['message_not_found']), params: OfMessage } },
      async (request): Promise<Message> => {
        const { conversationId, seq } = request.params;
        await access(request, conversationId);
        const [message] = await messages.byId(tables, conversationId, [seq]);
        if (!message) throw new Refusal('message_not_found');
        return message;
      },
    );

    app.get(
      `${path}/pins`,
      {
        schema: {
          ...reading('What is pinned', tags, z.object({ messages: z.array(Message) })),
          params: OfConversation,
        },
      },
      async (request): Promise<{ messages: Message[] }> => {
        const { conversationId } = request.params;
        await access(request, conversationId);
        const pins = (await conversations.get(tables, [conversationId]))[0]?.pins ?? [];
        const found = await messages.byId(tables, conversationId, pins);
        return { messages: found.filter((message) => message !== undefined) };
      },
    );

    app.post(
      `${path}/messages`,
      {
        schema: {
          ...making('Say something', tags, [
            'conversation_not_found',
            'message_not_found',
            'message_too_large',
            'client_id_reused',
          ]),
          params: OfConversation,
          body: z.object({ content: NewContent, replyTo: Seq.optional(), mentions: Mentions.default([]) }),
        },
      },
      async (request, reply) => {
        const answer = await perform(request, { type: 'SendMessage', ...request.params, ...request.body });
        return reply.status(201).send(answer);
      },
    );

    app.patch(
      one,
      {
        schema: {
          ...asking('Say it otherwise', tags, [...onMessage, 'not_the_sender', 'message_too_large']),
          params: OfMessage,
          body: z.object({ content: NewContent, mentions: Mentions.default([]) }),
        },
      },
      (request) => perform(request, { type: 'EditMessage', ...request.params, ...request.body }),
    );

    app.delete(
      one,
      {
        schema: {
          ...asking('Take it back', tags, ['conversation_not_found', 'message_not_found', 'not_allowed']),
          params: OfMessage,
          querystring: z.object({ reason: Reason.optional() }),
        },
      },
      (request) => perform(request, { type: 'RedactMessage', ...request.params, ...request.query }),
    );

    app.put(
      `${one}/reactions/:emoji`,
      { schema: { ...asking('React', tags, [...onMessage, 'too_many_reactions']), params: OfReaction } },
      (request) => perform(request, { type: 'AddReaction', ...request.params }),
    );

    app.delete(
      `${one}/reactions/:emoji`,
      { schema: { ...asking('Take a reaction back', tags, onMessage), params: OfReaction } },
      (request) => perform(request, { type: 'RemoveReaction', ...request.params }),
    );

    app.put(
      `${one}/pin`,
      {
        schema: {
          ...asking('Pin', tags, [...onMessage, 'too_many_pins']),
          description: `At most ${limits.pins} of a conversation.`,
          params: OfMessage,
        },
      },
      (request) => perform(request, { type: 'PinMessage', ...request.params }),
    );

    app.delete(
      `${one}/pin`,
      { schema: { ...asking('Unpin', tags, ['conversation_not_found']), params: OfMessage } },
      (request) => perform(request, { type: 'UnpinMessage', ...request.params }),
    );
  };
