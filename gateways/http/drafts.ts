import { z } from 'zod';
import { Seq } from '../../domain/id.ts';
import { Draft, DraftText } from '../protocol.ts';
import type { Access } from './access.ts';
import { type App, identityOf } from './app.ts';
import type { HttpDeps } from './deps.ts';
import { done, guarded } from './document.ts';
import { OfConversation } from './parameters.ts';

const tags = ['You'];

/** What one has begun to write. */
export const draftRoutes =
  ({ drafts }: Pick<HttpDeps, 'drafts'>, access: Access) =>
  (app: App) => {
    app.get(
      '/v1/drafts',
      {
        schema: {
          ...guarded('What you have not finished writing', tags, {
            200: z.object({ drafts: z.array(Draft) }),
          }),
          description: 'The newest first.',
        },
      },
      async (request): Promise<{ drafts: Draft[] }> => ({
        drafts: (await drafts.of(identityOf(request).userId)).filter(({ text }) => text !== ''),
      }),
    );

    app.put(
      '/v1/conversations/:conversationId/draft',
      {
        schema: {
          ...guarded('Keep what you are writing', tags, { 204: done }, [
            'conversation_not_found',
            'overloaded',
          ]),
          description:
            'Your other devices show it at once. An empty text removes it. Answered when it is stored, which may take a second.',
          params: OfConversation,
          body: z.object({ text: DraftText, replyTo: Seq.optional() }),
        },
      },
      async (request, reply) => {
        const { conversationId } = request.params;
        await access(request, conversationId);
        await drafts.put({ userId: identityOf(request).userId }, { conversationId, ...request.body });
        return reply.status(204).send(null);
      },
    );
  };
