import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { Seq } from '../../domain/id.ts';
import { publicMark } from '../../domain/receipts.ts';
import * as members from '../../projections/conversation-members.ts';
import * as messages from '../../projections/messages.ts';
import * as receipts from '../../projections/receipts.ts';
import { MessageReceipts, Receipts } from '../protocol.ts';
import { Refusal, accepted } from '../rejections.ts';
import type { Access } from './access.ts';
import { type App, identityOf } from './app.ts';
import type { HttpDeps } from './deps.ts';
import { done, guarded, reading } from './document.ts';
import { OfConversation, OfMessage } from './parameters.ts';

const tags = ['Receipts'];
const path = '/v1/conversations/:conversationId';

/** How far the members of a conversation have come. */
export const receiptRoutes =
  (
    { tables, marks, running, waitMs }: Pick<HttpDeps, 'tables' | 'marks' | 'running'> & { waitMs: number },
    access: Access,
  ) =>
  (app: App) => {
    /** Of those who are members now. */
    const publicMarks = async (conversationId: string) => {
      const [found, present] = await Promise.all([
        receipts.marksOf(tables, conversationId),
        members.list(tables, conversationId),
      ]);
      const ids = new Set(present.map(({ userId }) => userId));
      return { present, marks: found.filter(({ userId }) => ids.has(userId)).map(publicMark) };
    };

    app.put(
      `${path}/mark`,
      {
        schema: {
          ...guarded('Say up to where everything has come, or was read', tags, { 204: done }, [
            'conversation_not_found',
            'mark_beyond_end',
            'mark_behind',
            'overloaded',
          ]),
          description: 'What was read has come too.',
          params: OfConversation,
          body: z
            .strictObject({ delivered: Seq.optional(), read: Seq.optional() })
            .refine(
              ({ delivered, read }) => delivered !== undefined || read !== undefined,
              'delivered or read',
            ),
        },
      },
      async (request, reply) => {
        const { conversationId } = request.params;
        const { userId: by } = identityOf(request);
        const rejection = await marks.mark({ by, conversationId, ...request.body });
        if (rejection) accepted(rejection);
        const late = pause(waitMs, undefined, { ref: false });
        const position = await Promise.race([marks.durable(conversationId), late]);
        if (position === undefined) throw new Refusal('store_unavailable');
        // When the views are late it is answered anyhow, because it is durable.
        await running.reached(position, waitMs);
        return reply.status(204).send(null);
      },
    );

    app.get(
      `${path}/receipts`,
      {
        schema: {
          ...reading('How far its members have come', tags, Receipts),
          description: 'Of those who have come anywhere.',
          params: OfConversation,
        },
      },
      async (request): Promise<Receipts> => {
        const { conversationId } = request.params;
        await access(request, conversationId);
        return { conversationId, marks: (await publicMarks(conversationId)).marks };
      },
    );

    app.get(
      `${path}/messages/:seq/receipts`,
      {
        schema: {
          ...reading('Who has a message, and who has read it', tags, MessageReceipts, ['message_not_found']),
          params: OfMessage,
        },
      },
      async (request): Promise<MessageReceipts> => {
        const { conversationId, seq } = request.params;
        await access(request, conversationId);
        const [message] = await messages.byId(tables, conversationId, [seq]);
        if (!message) throw new Refusal('message_not_found');
        const { present, marks } = await publicMarks(conversationId);
        const others = marks.filter(({ userId }) => userId !== message.by);
        return {
          members: present.filter(({ userId }) => userId !== message.by).length,
          delivered: others.filter(({ delivered }) => delivered >= seq).map(({ userId }) => userId),
          read: others.filter(({ read = -1 }) => read >= seq).map(({ userId }) => userId),
        };
      },
    );
  };
