import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConversations } from '../../commands/conversations.ts';
import { createHandle } from '../../commands/handle.ts';
import { createRecollection, type Timeline } from '../../commands/recollection.ts';
import type { ConversationCommand } from '../../domain/conversation-command.ts';
import type { ConversationId } from '../../domain/id.ts';
import { streamOf } from '../../domain/id.ts';
import { eventLimits, type EventStore, type RecordedEvent } from '../../domain/ports/event-store.ts';
import { openEventStore } from '../event-store/open.ts';

/** An event store in a folder of its own that is gone when it is disposed of. */
export const openTemporaryStore = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'parlance-store-'));
  const store = await openEventStore({ type: 'sqlite', dataDir: folder });
  return {
    store,
    folder,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
};

/** No view at all: whatever is old is read from the stream. */
export const noTimeline: Timeline = {
  complete: async () => false,
  sentAs: async () => undefined,
  message: async () => undefined,
};

/** A write side over a store, as a process just started has it. */
export const commandsOver = (store: EventStore, timeline = noTimeline, cacheBytes?: number) => {
  const conversations = createConversations(store, cacheBytes);
  return createHandle({ store, conversations, recollection: createRecollection({ store, timeline }) });
};

/** A whole stream, page by page. */
export const wholeStream = async (
  store: EventStore,
  conversationId: ConversationId,
): Promise<readonly RecordedEvent[]> => {
  const events: RecordedEvent[] = [];
  for (;;) {
    const page = await store.read(streamOf(conversationId), { from: events.length });
    events.push(...page);
    if (page.length < eventLimits.pageEvents) return events;
  }
};

/** What an append may meet on its way: it fails before it happened, or it happened and its answer is lost. */
export type Fault = 'before' | 'after' | undefined;

/** The same store, whose appends meet the faults that `next` names. `failure` makes the error. */
export const withFaults = (store: EventStore, next: () => Fault, failure: () => Error): EventStore => ({
  append: async (stream, expected, events) => {
    const fault = next();
    if (fault === 'before') throw failure();
    const appended = await store.append(stream, expected, events);
    if (fault === 'after') throw failure();
    return appended;
  },
  read: (stream, options) => store.read(stream, options),
  readAll: (after, limit) => store.readAll(after, limit),
  subscribe: (after, signal) => store.subscribe(after, signal),
  truncate: (stream, before) => store.truncate(stream, before),
  end: () => store.end(),
  at: (position) => store.at(position),
  lag: (after) => store.lag(after),
  health: () => store.health(),
  [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
});

/** The same store, which tells of each read of a stream from where on it is. */
export const withReads = (store: EventStore, told: (from: number) => void): EventStore => ({
  ...withFaults(
    store,
    () => undefined,
    () => new Error('no fault'),
  ),
  read: (stream, options) => {
    told(options?.from ?? 0);
    return store.read(stream, options);
  },
});

export type Plain<T> = T extends unknown ? Omit<T, 'id' | 'by' | 'at'> : never;
export type Wish = Plain<ConversationCommand>;
