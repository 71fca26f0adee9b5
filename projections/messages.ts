import { conversationStreams } from '../domain/codec.ts';
import type { Content, ConversationEvent } from '../domain/conversation-event.ts';
import { sendKey } from '../domain/conversation-state.ts';
import type { ConversationId, Seq, Timestamp, UserId } from '../domain/id.ts';
import {
  type Change,
  type Item,
  type Json,
  type Key,
  sortable,
  type Tables,
} from '../domain/ports/tables.ts';
import { collect, type Projection, type Sequenced } from './projection.ts';

/**
 * The timeline. `messages`: pk = conversationId, sk = sortable(seq): a row for each message {type: 'message', by, at,
 * clientId, content, replyTo?, mentions, editedAt?, redacted?, pinned?, and for each emoji a set `reaction:<emoji>` of people}
 * and each other event that a timeline shows {type: 'notice', by, at, event}.
 * `sends`: pk = conversationId, sk = `<by>/<clientId>`: {seq}, the message that somebody sent under that id.
 */
export const messages: Projection = {
  name: 'messages',
  streams: conversationStreams,
  apply: (sequenced) => changesOf(sequenced),
};

const SENDS = 'sends';
const REACTION = 'reaction:';

const keyOf = (conversationId: ConversationId, seq: Seq): Key => ({ pk: conversationId, sk: sortable(seq) });

const changesOf = ({ conversationId, seq, event }: Sequenced): readonly Change[] => {
  const { by, at } = event;
  const put = (attributes: Readonly<Record<string, Json>>): Change => ({
    op: 'put',
    table: messages.name,
    item: { ...attributes, ...keyOf(conversationId, seq), revision: seq },
  });
  const update = (message: Seq) =>
    ({ op: 'update', table: messages.name, key: keyOf(conversationId, message), revision: seq }) as const;
  switch (event.type) {
    case 'MessageSent': {
      const { clientId, content, replyTo, mentions } = event;
      const reply = replyTo === undefined ? {} : { replyTo };
      const sent = { pk: conversationId, sk: sendKey(by, clientId), revision: seq, seq };
      return [
        put({ type: 'message', by, at, clientId, content, ...reply, mentions }),
        { op: 'put', table: SENDS, item: sent },
      ];
    }
    case 'MessageEdited':
      return [
        { ...update(event.seq), set: { content: event.content, mentions: event.mentions, editedAt: at } },
      ];
    case 'MessageRedacted': {
      const redacted = { by, at, ...(event.reason && { reason: event.reason }) };
      return [{ ...update(event.seq), set: { redacted }, remove: ['content', 'mentions', 'pinned'] }];
    }
    case 'ReactionAdded':
      return [{ ...update(event.seq), include: { [REACTION + event.emoji]: by } }];
    case 'ReactionRemoved':
      return [{ ...update(event.seq), exclude: { [REACTION + event.emoji]: by } }];
    case 'MessagePinned':
      return [{ ...update(event.seq), set: { pinned: { by, at } } }];
    case 'MessageUnpinned':
      return [{ ...update(event.seq), remove: ['pinned'] }];
    case 'ConversationCreated':
    case 'MemberJoined':
    case 'MemberLeft':
    case 'MemberRemoved':
    case 'MemberBanned':
    case 'MemberUnbanned':
    case 'MemberRoleChanged':
    case 'ConversationRenamed':
    case 'TopicChanged':
      return [put({ type: 'notice', by, at, event: { ...event } as Json })];
  }
};

export type Message = {
  kind: 'message';
  seq: Seq;
  by: UserId;
  at: Timestamp;
  clientId: string;
  /** Not there when the message was redacted. */
  content?: Content;
  replyTo?: Seq;
  mentions: UserId[];
  editedAt?: Timestamp;
  redacted?: { by: UserId; at: Timestamp; reason?: string };
  pinned?: { by: UserId; at: Timestamp };
  reactions: { emoji: string; userIds: UserId[] }[];
};
export type Notice = { kind: 'notice'; seq: Seq; by: UserId; at: Timestamp; event: ConversationEvent };
export type TimelineItem = Message | Notice;

/** Oldest first. `before` and `after` are there when there are older or newer items: what to ask with for them. */
export type TimelinePage = { items: TimelineItem[]; before?: Seq; after?: Seq };

/** Items before or after a seq, or some of both with it in the middle; without any of them the newest. `limit`: 1 to 500 items. */
export type TimelineRange = {
  readonly before?: Seq;
  readonly after?: Seq;
  readonly around?: Seq;
  readonly limit: number;
};

export const page = async (
  tables: Tables,
  conversationId: ConversationId,
  range: TimelineRange,
): Promise<TimelinePage> => {
  const limit = Math.min(Math.max(Math.trunc(range.limit), 1), 500);
  const older = async (before: Seq, count: number) => {
    if (before <= 0) return [];
    const bounds = { to: sortable(before - 1), backwards: true };
    return (await collect(tables, messages.name, conversationId, bounds, count)).toReversed();
  };
  const newer = (from: Seq, count: number) =>
    collect(tables, messages.name, conversationId, { from: sortable(from) }, count);

  // One more than is shown on each side tells whether there is more.
  if (range.around !== undefined) {
    const half = Math.floor(limit / 2);
    const [left, right] = await Promise.all([
      older(range.around, half + 1),
      newer(range.around, limit - half + 1),
    ]);
    return pageOf(
      left.slice(-half || left.length),
      right.slice(0, limit - half),
      left.length > half,
      right.length > limit - half,
    );
  }
  if (range.after !== undefined) {
    const [left, right] = await Promise.all([older(range.after + 1, 1), newer(range.after + 1, limit + 1)]);
    return pageOf([], right.slice(0, limit), left.length > 0, right.length > limit);
  }
  const { before } = range;
  const [left, right] = await Promise.all([
    older(before ?? Number.MAX_SAFE_INTEGER, limit + 1),
    before === undefined ? [] : newer(before, 1),
  ]);
  return pageOf(left.slice(-limit), [], left.length > limit, right.length > 0);
};

const pageOf = (
  left: readonly Item[],
  right: readonly Item[],
  hasOlder: boolean,
  hasNewer: boolean,
): TimelinePage => {
  const items = [...left, ...right].map(itemOf);
  const [first, last] = [items[0], items.at(-1)];
  return {
    items,
    ...(hasOlder && first && { before: first.seq }),
    ...(hasNewer && last && { after: last.seq }),
  };
};

/** Messages of one conversation in the order of the seqs; undefined where there is none. At most 10,000. */
export const byId = (
  tables: Tables,
  conversationId: ConversationId,
  seqs: readonly Seq[],
): Promise<(Message | undefined)[]> =>
  byPlace(
    tables,
    seqs.map((seq) => ({ conversationId, seq })),
  );

type Place = { readonly conversationId: ConversationId; readonly seq: Seq };

/** The same for messages of many conversations. */
export const byPlace = async (tables: Tables, places: readonly Place[]): Promise<(Message | undefined)[]> => {
  const keys = places.map(({ conversationId, seq }) => keyOf(conversationId, seq));
  return (await tables.get(messages.name, keys)).map((item) =>
    item?.['type'] === 'message' ? messageOf(item) : undefined,
  );
};

/** The message that was sent under a `sendKey`, however long ago. */
export const sentAs = async (
  tables: Tables,
  conversationId: ConversationId,
  key: string,
): Promise<Seq | undefined> => {
  const [item] = await tables.get(SENDS, [{ pk: conversationId, sk: key }]);
  return item?.['seq'] as Seq | undefined;
};

const itemOf = (item: Item): TimelineItem => (item['type'] === 'message' ? messageOf(item) : noticeOf(item));

const noticeOf = ({ sk, by, at, event }: Item): Notice => ({
  kind: 'notice',
  seq: Number(sk),
  by: by as UserId,
  at: at as Timestamp,
  event: event as unknown as ConversationEvent,
});

/** Only what is told of a redacted message stays in its view; its reactions stay in its row. */
const messageOf = (item: Item): Message => {
  const { sk, by, at, clientId, content, replyTo, mentions, editedAt, redacted, pinned } = item;
  const common = {
    kind: 'message',
    seq: Number(sk),
    by,
    at,
    clientId,
    ...(replyTo !== undefined && { replyTo }),
  };
  const view = redacted
    ? { ...common, mentions: [], redacted, reactions: [] }
    : {
        ...common,
        content,
        mentions: mentions ?? [],
        ...(editedAt !== undefined && { editedAt }),
        ...(pinned !== undefined && { pinned }),
        reactions: reactionsOf(item),
      };
  return view as Message;
};

const reactionsOf = (item: Item): Message['reactions'] =>
  Object.keys(item)
    .filter((name) => name.startsWith(REACTION))
    .sort()
    .map((name) => ({ emoji: name.slice(REACTION.length), userIds: item[name] as UserId[] }));
