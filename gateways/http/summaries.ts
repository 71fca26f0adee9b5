import type { Role } from '../../domain/conversation-event.ts';
import type { ConversationId } from '../../domain/id.ts';
import { type Tables, tableLimits } from '../../domain/ports/tables.ts';
import * as conversations from '../../projections/conversations.ts';
import * as messages from '../../projections/messages.ts';
import type { ConversationSummary } from '../protocol.ts';

type Mine = { readonly conversationId: ConversationId; readonly role: Role };

/** What a list shows of these conversations, in their order; those whose view is not there yet are left out. */
export const summaries = async (tables: Tables, mine: readonly Mine[]): Promise<ConversationSummary[]> => {
  const found: ConversationSummary[] = [];
  for (let start = 0; start < mine.length; start += tableLimits.getKeys) {
    found.push(...(await batch(tables, mine.slice(start, start + tableLimits.getKeys))));
  }
  return found;
};

const batch = async (tables: Tables, mine: readonly Mine[]): Promise<ConversationSummary[]> => {
  const views = await conversations.get(
    tables,
    mine.map(({ conversationId }) => conversationId),
  );
  const places = views.flatMap((view) =>
    view?.lastMessageSeq === undefined
      ? []
      : [{ conversationId: view.conversationId, seq: view.lastMessageSeq }],
  );
  const last = await messages.byPlace(tables, places);
  const lastOf = new Map(places.map(({ conversationId }, index) => [conversationId, last[index]]));
  return views.flatMap((view, index) => {
    const role = mine[index]?.role;
    if (!view || !role) return [];
    const { createdBy: _, lastMessageSeq: __, pins: ___, ...shown } = view;
    const lastMessage = lastOf.get(view.conversationId);
    return [{ ...shown, role, ...(lastMessage && { lastMessage: cut(lastMessage) }) }];
  });
};

/** A list shows a line of a message; all of it could make megabytes of a list. */
const PREVIEW = 300;

const cut = (message: messages.Message): messages.Message => {
  const { content } = message;
  if (!content || content.text.length <= PREVIEW) return message;
  const text = content.text.slice(0, PREVIEW).replace(/[\ud800-\udbff]$/, '');
  return { ...message, content: { ...content, text: `${text}…` } };
};
