import { conversationStreams } from '../domain/codec.ts';
import type { ConversationId, Seq, Timestamp, UserId } from '../domain/id.ts';
import { type Change, type Item, sortable, type Tables } from '../domain/ports/tables.ts';
import type { Projection, Sequenced } from './projection.ts';

/**
 * What a list of conversations shows. pk = conversationId, sk = 'conversation': kind, title?, topic?, people?, createdAt,
 * createdBy, lastSeq and lastPosition (of any event), lastActivityAt (of a message, or of the creation), lastMessageSeq?, and the set
 * `pins` of sortable seqs. Whatever `lastSeq` says, the other views have come as far or have parked the conversation.
 */
export const conversations: Projection = {
  name: 'conversations',
  streams: conversationStreams,
  vouches: true,
  apply: (sequenced) => [changeOf(sequenced)],
};

const keyOf = (conversationId: ConversationId) => ({ pk: conversationId, sk: 'conversation' });

const changeOf = ({ conversationId, seq, position, event }: Sequenced): Change => {
  const key = keyOf(conversationId);
  const last = { lastSeq: seq, lastPosition: position };
  const update = {
    op: 'update',
    table: conversations.name,
    key,
    revision: seq,
    set: last,
  } as const;
  switch (event.type) {
    case 'ConversationCreated': {
      const { at, by, kind, title, topic, people } = event;
      const named = { ...(title && { title }), ...(topic && { topic }), ...(people && { people }) };
      const item = {
        ...key,
        revision: seq,
        kind,
        ...named,
        createdAt: at,
        createdBy: by,
        ...last,
        lastActivityAt: at,
      };
      return { op: 'put', table: conversations.name, item };
    }
    case 'ConversationRenamed':
      return { ...update, set: { ...last, title: event.title } };
    case 'TopicChanged':
      return event.topic
        ? { ...update, set: { ...last, topic: event.topic } }
        : { ...update, remove: ['topic'] };
    case 'MessageSent':
      return { ...update, set: { ...last, lastActivityAt: event.at, lastMessageSeq: seq } };
    case 'MessagePinned':
      return { ...update, include: { pins: sortable(event.seq) } };
    case 'MessageUnpinned':
    case 'MessageRedacted':
      return { ...update, exclude: { pins: sortable(event.seq) } };
    default:
      return update;
  }
};

export type Conversation = {
  conversationId: ConversationId;
  kind: 'direct' | 'group';
  title?: string;
  topic?: string;
  people?: UserId[];
  createdAt: Timestamp;
  createdBy: UserId;
  lastSeq: Seq;
  lastActivityAt: Timestamp;
  lastMessageSeq?: Seq;
  /** Oldest message first. */
  pins: Seq[];
};

/** In the order of the ids; undefined where there is no such conversation. At most 10,000. */
export const get = async (
  tables: Tables,
  ids: readonly ConversationId[],
): Promise<(Conversation | undefined)[]> => {
  const items = await tables.get(conversations.name, ids.map(keyOf));
  return items.map((item) => item && viewOf(item));
};

/** Those with any event after a position of the log. At most 10,000. */
export const changedSince = async (
  tables: Tables,
  ids: readonly ConversationId[],
  position: string,
): Promise<ConversationId[]> => {
  const items = await tables.get(conversations.name, ids.map(keyOf));
  // Rows without a position are older than all positions that are asked about.
  return ids.filter((_, i) => ((items[i]?.['lastPosition'] ?? '') as string) > position);
};

const viewOf = ({
  pk,
  sk: _sk,
  revision: _revision,
  lastPosition: _lastPosition,
  pins,
  ...attributes
}: Item): Conversation => ({
  ...(attributes as Omit<Conversation, 'conversationId' | 'pins'>),
  conversationId: pk,
  pins: ((pins ?? []) as string[]).map(Number),
});
