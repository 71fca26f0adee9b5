import { setImmediate as nextTurn } from 'node:timers/promises';
import { conversationCodec } from '../../domain/codec.ts';
import { type ConversationId, type UserId, streamOf } from '../../domain/id.ts';
import type { EventStore, RecordedEvent } from '../../domain/ports/event-store.ts';
import type { Tables } from '../../domain/ports/tables.ts';
import * as conversations from '../../projections/conversations.ts';
import * as receipts from '../../projections/receipts.ts';
import * as userConversations from '../../projections/user-conversations.ts';
import type { SequencedEvent, ServerFrame } from '../protocol.ts';
import { Frame } from './frame.ts';
import { type Most, type Stretch, missedOf } from './missed.ts';
import type { ReceiptFrames } from './receipts.ts';

export type ResumeDeps = {
  readonly store: Pick<EventStore, 'read'>;
  readonly tables: Tables;
  readonly receipts: Pick<ReceiptFrames, 'current'>;
  /** Whether the views say nothing newer of a conversation because they can't. */
  readonly isParked: (conversationId: ConversationId) => boolean;
  readonly onUnreadable: (error: unknown, event: RecordedEvent) => void;
  readonly limits?: ResumeLimits;
};

export type ResumeLimits = {
  /** Events of one conversation. */
  readonly perConversation: number;
  /** All events of one resuming, and their bytes. */
  readonly all: Most;
  readonly perFrame: number;
};

export const resumeLimits: ResumeLimits = {
  perConversation: 500,
  all: { events: 5_000, bytes: 2 * 1024 * 1024 },
  perFrame: 100,
};

/** What may still be sent; it is used up by sending. */
export type Budget = { events: number; bytes: number };

/** `send` writes at once; `ready` resolves when more can be written, to false when the reader has gone. */
export type Writer = { send(frame: Frame): void; ready(): Promise<boolean> };

type Behind = Extract<ServerFrame, { type: 'behind' }>['conversations'][number];
type Changed = { readonly conversationId: ConversationId; readonly leftAt?: number };

/**
 * Sends what happened in somebody's conversations in a stretch of the log, which the views must hold, conversation by
 * conversation: of those that they have left, up to and including the leaving. What is too much is named. Receipts come as
 * they are now. Resolves to false if the reader has gone.
 */
export const backfill = async (
  deps: ResumeDeps,
  userId: UserId,
  stretch: Stretch,
  budget: Budget,
  writer: Writer,
): Promise<boolean> => {
  if (stretch.after >= stretch.upTo) return true;
  const { perFrame } = deps.limits ?? resumeLimits;
  const { changed, marked } = await changedFor(deps, userId, stretch.after);
  const behind: Behind[] = [];
  for (const one of changed) {
    const { events, rest } = await eventsOf(deps, one, stretch, budget);
    if (rest) behind.push(rest);
    for (let n = 0; n < events.length; n += perFrame) {
      const { conversationId } = one;
      const some = events.slice(n, n + perFrame);
      writer.send(new Frame({ type: 'events', conversationId, events: some }));
    }
    if (!(await turn(writer))) return false;
  }
  if (behind.length > 0) writer.send(new Frame({ type: 'behind', conversations: behind }));
  for (const conversationId of marked) {
    for (const frame of await deps.receipts.current(conversationId, userId)) writer.send(frame);
    if (!(await turn(writer))) return false;
  }
  return true;
};

/** Others go on between one conversation and the next. */
const turn = async (writer: Writer): Promise<boolean> => {
  await nextTurn();
  return writer.ready();
};

/** A thousand conversations of which nothing is new cost a page and two batches of rows, and no look at the log. */
const changedFor = async (
  { tables, isParked }: ResumeDeps,
  userId: UserId,
  after: string,
): Promise<{ changed: Changed[]; marked: ConversationId[] }> => {
  const { present, left } = await userConversations.since(tables, userId, after);
  const inParts = async (since: typeof conversations.changedSince) => {
    const found: ConversationId[] = [];
    for (let n = 0; n < present.length; n += PART)
      found.push(...(await since(tables, present.slice(n, n + PART), after)));
    return found;
  };
  const changed = new Set(await inParts(conversations.changedSince));
  for (const conversationId of present) if (isParked(conversationId)) changed.add(conversationId);
  return {
    changed: [
      ...[...changed].map((conversationId) => ({ conversationId })),
      ...left.map(({ conversationId, seq }) => ({ conversationId, leftAt: seq })),
    ],
    marked: await inParts(receipts.changedSince),
  };
};

const PART = 5_000;

const eventsOf = async (
  deps: ResumeDeps,
  { conversationId, leftAt }: Changed,
  stretch: Stretch,
  budget: Budget,
): Promise<{ events: readonly SequencedEvent[]; rest?: Behind }> => {
  const stream = streamOf(conversationId);
  const most: Most = {
    events: Math.min((deps.limits ?? resumeLimits).perConversation, budget.events),
    bytes: budget.bytes,
  };
  const missed = await missedOf(deps.store, stream, stretch, most, leftAt);
  if (!missed) return { events: [] };
  if ('events' in missed) {
    budget.events -= missed.events.length;
    for (const { data } of missed.events) budget.bytes -= data.byteLength;
    return { events: readAll(deps, missed.events) };
  }
  const rest = { conversationId, after: missed.before, lastSeq: missed.last };
  // Whoever has left can’t read the rest any more, and must learn that.
  const leaving = leftAt === missed.last ? await deps.store.read(stream, { from: leftAt, limit: 1 }) : [];
  return { events: readAll(deps, leaving), rest };
};

/** What can't be read is passed over, as it is in what comes live. */
const readAll = (deps: ResumeDeps, recorded: readonly RecordedEvent[]): SequencedEvent[] =>
  recorded.flatMap((one) => {
    try {
      return [{ seq: one.revision, event: conversationCodec.decode(one.type, one.data) }];
    } catch (error) {
      deps.onUnreadable(error, one);
      return [];
    }
  });
