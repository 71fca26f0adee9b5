import { z } from 'zod';
import { Title, Topic } from '../../domain/conversation-event.ts';
import { UserId } from '../../domain/id.ts';
import { limits } from '../../domain/limits.ts';
import * as members from '../../projections/conversation-members.ts';
import * as conversations from '../../projections/conversations.ts';
import * as userConversations from '../../projections/user-conversations.ts';
import { ConversationDetail, ConversationSummary, EventsPage } from '../protocol.ts';
import { Refusal } from '../rejections.ts';
import type { Access } from './access.ts';
import { type App, identityOf } from './app.ts';
import type { HttpDeps } from './deps.ts';
import { asking, making, reading } from './document.ts';
import { eventsAfter, eventsPage, upToLeaving } from './events.ts';
import { AtLeast, OfConversation, SeqText, limitText } from './parameters.ts';
import type { Perform } from './perform.ts';
import { summaries } from './summaries.ts';

const tags = ['Conversations'];
const settings = ['conversation_not_found', 'direct_is_fixed', 'not_allowed'] as const;
const path = '/v1/conversations/:conversationId';

/** Conversations: yours, one of them, founding and naming them, and the events they consist of. */
export const conversationRoutes =
  (deps: Pick<HttpDeps, 'tables' | 'store' | 'log'>, access: Access, perform: Perform) => (app: App) => {
    const { tables } = deps;
    app.get(
      '/v1/conversations',
      {
        schema: {
          ...reading(
            'Yours, the last active first',
            tags,
            z.object({ conversations: z.array(ConversationSummary) }),
          ),
        },
      },
      async (request): Promise<{ conversations: ConversationSummary[] }> => {
        const { userId } = identityOf(request);
        const mine = await userConversations.of(tables, userId);
        const found = await summaries(tables, userId, mine);
        return { conversations: found.toSorted((a, b) => b.lastActivityAt - a.lastActivityAt) };
      },
    );

    app.get(
      path,
      {
        schema: {
          ...reading('One conversation', tags, ConversationDetail, ['view_behind']),
          params: OfConversation,
          querystring: z.object({ atLeast: AtLeast }),
        },
      },
      async (request): Promise<ConversationDetail> => {
        const { conversationId } = request.params;
        const membership = await access(request, conversationId, request.query.atLeast);
        const { userId } = identityOf(request);
        // Its lastSeq is read first: the rest may hold more than it promises, never less.
        const [summary] = await summaries(tables, userId, [{ conversationId, ...membership }]);
        const [[conversation], people] = await Promise.all([
          conversations.get(tables, [conversationId]),
          members.list(tables, conversationId),
        ]);
        if (!conversation || !summary) throw new Refusal('conversation_not_found');
        return { ...summary, pins: conversation.pins, members: people };
      },
    );

    app.get(
      `${path}/events`,
      {
        schema: {
          ...reading('Its events, from the log', tags, EventsPage),
          description:
            'To go on from what one has: the events after `after`, in order; without it from the first. A page may ' +
            'have fewer than `limit` while there are more: it ends at about 1 MiB.',
          params: OfConversation,
          querystring: z.object({
            after: SeqText.optional(),
            limit: limitText(eventsPage.events, eventsPage.events),
          }),
        },
      },
      async (request): Promise<EventsPage> => {
        const { conversationId } = request.params;
        const { after = -1, limit } = request.query;
        const membership = await access(request, conversationId);
        const page = await eventsAfter(deps, conversationId, after, limit);
        return upToLeaving(page, identityOf(request).userId, membership);
      },
    );

    app.post(
      '/v1/conversations',
      {
        schema: {
          ...making('Start a group', tags, ['user_not_found', 'too_many_members', 'client_id_reused']),
          body: z.object({
            title: Title,
            topic: Topic.optional(),
            members: z.array(UserId).max(limits.members).meta({ description: 'The others' }),
          }),
        },
      },
      async (request, reply) =>
        reply.status(201).send(await perform(request, { type: 'CreateGroup', ...request.body })),
    );

    app.put(
      '/v1/conversations/direct/:userId',
      {
        schema: {
          ...asking('Start or find the direct conversation with somebody', tags, [
            'user_not_found',
            'direct_with_self',
          ]),
          params: z.object({ userId: UserId }),
        },
      },
      (request) => perform(request, { type: 'StartDirect', with: request.params.userId }),
    );

    app.put(
      `${path}/title`,
      {
        schema: {
          ...asking('Rename', tags, settings),
          params: OfConversation,
          body: z.object({ title: Title }),
        },
      },
      (request) => perform(request, { type: 'RenameConversation', ...request.params, ...request.body }),
    );

    app.put(
      `${path}/topic`,
      {
        schema: {
          ...asking('Set the topic', tags, settings),
          params: OfConversation,
          body: z.object({ topic: Topic }),
        },
      },
      (request) => perform(request, { type: 'SetTopic', ...request.params, ...request.body }),
    );
  };
