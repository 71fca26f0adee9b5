import type { Role } from '../../domain/conversation-event.ts';
import type { ConversationId, Seq, UserId } from '../../domain/id.ts';
import type { Tables } from '../../domain/ports/tables.ts';
import * as conversations from '../../projections/conversations.ts';
import * as messages from '../../projections/messages.ts';
import * as receipts from '../../projections/receipts.ts';
import { unreadOfAll } from '../../projections/unread.ts';
import type { ConversationSummary } from '../protocol.ts';

type Mine = { readonly conversationId: ConversationId; readonly role: Role; readonly joinedSeq: Seq };

/** How many conversations are looked up at once. */
const BATCH = 1000;

/** What a list shows somebody of these conversations, in their order; those whose view is not there yet are left out. */
export const summaries = async (
  tables: Tables,
  userId: UserId,
  mine: readonly Mine[],
): Promise<ConversationSummary[]> => {
  const found: ConversationSummary[] = [];
  for (let start = 0; start < mine.length; start += BATCH) {
    found.push(...(await batch(tables, userId, mine.slice(start, start + BATCH))));
  }
  return found;
};

const batch = async (
  tables: Tables,
  userId: UserId,
  mine: readonly Mine[],
): Promise<ConversationSummary[]> => {
  const ids = mine.map(({ conversationId }) => conversationId);
  // The conversation's lastSeq is read first: the rest may hold more than it promises, never less.
  const views = await conversations.get(tables, ids);
  const marks = await receipts.mine(tables, userId, ids);
  const places = views.flatMap((view) =>
    view?.lastMessageSeq === undefined
      ? []
      : [{ conversationId: view.conversationId, seq: view.lastMessageSeq }],
  );
  const last = await messages.byPlace(tables, places);
  const lastOf = new Map(places.map(({ conversationId }, index) => [conversationId, last[index]]));
  const unread = await unreadOfAll(
    tables,
    userId,
    mine.map(({ conversationId, joinedSeq }, i) => ({
      conversationId,
      joinedSeq,
      read: marks[i]?.read,
      lastMessageSeq: views[i]?.lastMessageSeq,
    })),
  );
  return views.flatMap((view, i) => {
    const [role, counts, read] = [mine[i]?.role, unread[i], marks[i]?.read];
    if (!view || !role || !counts) return [];
    const { createdBy: _, lastMessageSeq: __, pins: ___, ...shown } = view;
    const lastMessage = lastOf.get(view.conversationId);
    return [
      {
        ...shown,
        role,
        ...(read !== undefined && { read }),
        ...counts,
        ...(lastMessage && { lastMessage: cut(lastMessage) }),
      },
    ];
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
