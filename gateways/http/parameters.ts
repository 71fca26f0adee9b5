import { z } from 'zod';
import { Emoji } from '../../domain/conversation-event.ts';
import { ConversationId, UserId } from '../../domain/id.ts';
import { CommandId } from '../protocol.ts';

// What stands in addresses and headers is text; these read it as what it means.

export const SeqText = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

export const limitText = (max: number, fallback: number) =>
  z.coerce.number().int().min(1).max(max).default(fallback);

export const AtLeast = SeqText.optional().meta({
  description:
    'Answer from a view that holds the conversation up to this seq: waits for it 2 seconds, then `view_behind`',
});

export const OfConversation = z.object({ conversationId: ConversationId });
export const OfMember = z.object({ conversationId: ConversationId, userId: UserId });
export const OfMessage = z.object({ conversationId: ConversationId, seq: SeqText });
export const OfReaction = z.object({ conversationId: ConversationId, seq: SeqText, emoji: Emoji });

export const CommandHeaders = z.object({
  'idempotency-key': CommandId.optional().meta({
    description:
      'Names the request: choose one, keep it over retries, and it is done once. Of a message it is the clientId.',
  }),
});
