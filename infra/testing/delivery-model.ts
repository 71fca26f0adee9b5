import { join } from 'node:path';
import Database from 'libsql';
import { conversationStreams, receiptsStreams } from '../../domain/codec.ts';
import { type ConversationEvent, isLeaving } from '../../domain/conversation-event.ts';
import type { ConversationId, Seq, UserId } from '../../domain/id.ts';
import { type Progress, type ReceiptsState, evolveReceipts, initialReceipts } from '../../domain/receipts.ts';

/** What the log says, folded here as simply as it can be: what everything else is compared with. */
export type Truth = {
  readonly conversations: ReadonlyMap<ConversationId, readonly ConversationEvent[]>;
  readonly receipts: ReadonlyMap<ConversationId, ReadonlyMap<UserId, Progress>>;
};

type Row = [position: number, stream: string, revision: number, type: string, data: ArrayBuffer];

/** Reads the log of a folder from beside the server that writes it. */
export const openTruth = (folder: string) => {
  const db = new Database(join(folder, 'log.db'), { timeout: 5000 });
  db.pragma('query_only = 1');
  const after = db
    .prepare(
      'SELECT position, name, revision, type, data FROM events JOIN streams USING (stream) WHERE position > ? ORDER BY position',
    )
    .raw();
  const conversations = new Map<ConversationId, ConversationEvent[]>();
  const receipts = new Map<ConversationId, ReceiptsState>();
  let last = 0;
  return {
    /** What it says by now of the conversations that these people have founded. */
    read(people: readonly UserId[]): Truth {
      for (const [position, stream, revision, type, data] of after.all([last]) as Row[]) {
        last = position;
        const bytes = new Uint8Array(data);
        const conversationId = conversationStreams.of(stream);
        if (conversationId !== undefined) {
          const events = conversations.get(conversationId) ?? [];
          events.push(conversationStreams.codec.decode(type, bytes));
          conversations.set(conversationId, events);
        }
        const received = receiptsStreams.of(stream);
        if (received === undefined) continue;
        const state = receipts.get(received) ?? initialReceipts();
        receipts.set(received, evolveReceipts(state, revision, receiptsStreams.codec.decode(type, bytes)));
      }
      const founders = new Set(people);
      const theirs = [...conversations].filter(([, [founded]]) => founded && founders.has(founded.by));
      return {
        conversations: new Map(theirs),
        receipts: new Map(theirs.map(([id]) => [id, receipts.get(id)?.marks ?? new Map<UserId, Progress>()])),
      };
    },
    close: () => db.close(),
  };
};

/** The present members, and the seq of each one's (last) joining. */
export const membersIn = (events: readonly ConversationEvent[]): Map<UserId, Seq> => {
  const members = new Map<UserId, Seq>();
  for (const [seq, event] of events.entries()) {
    if (event.type === 'MemberJoined') members.set(event.userId, seq);
    else if (isLeaving(event)) members.delete(event.userId);
  }
  return members;
};

/** The seq up to which somebody may see a conversation: its end for a member, else their last leaving; -1 for nothing. */
export const visibleTo = (events: readonly ConversationEvent[], userId: UserId): number =>
  membersIn(events).has(userId)
    ? events.length - 1
    : events.findLastIndex((event) => isLeaving(event) && event.userId === userId);

/** Messages of others that a member has not read, and how many of those mention them now. */
export const unreadFor = (
  events: readonly ConversationEvent[],
  userId: UserId,
  read: Seq | undefined,
): { unread: number; mentions: number } => {
  const from = Math.max(read ?? -1, membersIn(events).get(userId) ?? -1);
  const mentioned = new Map<Seq, readonly UserId[]>();
  for (const [seq, event] of events.entries()) {
    if (event.type === 'MessageSent' && seq > from && event.by !== userId) mentioned.set(seq, event.mentions);
    else if (event.type === 'MessageEdited' && mentioned.has(event.seq))
      mentioned.set(event.seq, event.mentions);
    else if (event.type === 'MessageRedacted' && mentioned.has(event.seq)) mentioned.set(event.seq, []);
  }
  return {
    unread: mentioned.size,
    mentions: [...mentioned.values()].filter((mentions) => mentions.includes(userId)).length,
  };
};

/** Title and topic of now. */
export const namesIn = (events: readonly ConversationEvent[]): { title?: string; topic?: string } => {
  let title: string | undefined;
  let topic: string | undefined;
  for (const event of events) {
    if (event.type === 'ConversationCreated') ({ title, topic } = event);
    else if (event.type === 'ConversationRenamed') ({ title } = event);
    else if (event.type === 'TopicChanged') ({ topic } = event);
  }
  return { ...(title && { title }), ...(topic && { topic }) };
};
