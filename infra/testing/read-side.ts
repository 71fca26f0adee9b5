import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { conversationCodec } from '../../domain/codec.ts';
import type { ConversationEvent } from '../../domain/conversation-event.ts';
import { type ConversationId, streamOf } from '../../domain/id.ts';
import { type EventStore, NO_STREAM } from '../../domain/ports/event-store.ts';
import type { Item, Tables } from '../../domain/ports/tables.ts';
import type { Projection } from '../../projections/projection.ts';
import { openTables } from '../tables/open.ts';
import { cast } from './conversation-arbitrary.ts';

/** Tables in a folder of their own, removed with them. */
export const temporaryTables = async (): Promise<Tables & { readonly dataDir: string }> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'parlance-'));
  const tables = openTables({ type: 'sqlite', dataDir });
  return {
    dataDir,
    get: (table, keys) => tables.get(table, keys),
    query: (table, pk, range) => tables.query(table, pk, range),
    write: (changes) => tables.write(changes),
    swap: (table, item, expected) => tables.swap(table, item, expected),
    [Symbol.asyncDispose]: async () => {
      await tables[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true });
    },
  };
};

let conversationCount = 0;
export const newConversationId = (): ConversationId =>
  `01J${String((conversationCount += 1)).padStart(23, '0')}`;

/** When the events of tests happen, in ms. */
export const at = 1_700_000_000_000;

/** A message of the first of the cast, `n` ms after `at`. */
export const messageSent = (n: number): ConversationEvent => ({
  type: 'MessageSent',
  by: cast[0] ?? '',
  at: at + n,
  clientId: `c${n}`,
  content: { kind: 'text', text: `message ${n}` },
  mentions: [],
});

/** Applies a conversation's first events without a runner. */
export const project = async (
  tables: Tables,
  projection: Projection,
  conversationId: ConversationId,
  events: readonly ConversationEvent[],
): Promise<void> => {
  const changes = events.flatMap((event, seq) =>
    projection.apply({ conversationId, seq, position: String(seq), recordedAt: 0, event }),
  );
  await tables.write(changes);
};

/** Appends to a conversation after the revision `last`; resolves to the position of the last one. */
export const append = async (
  store: EventStore,
  conversationId: ConversationId,
  events: readonly ConversationEvent[],
  last = NO_STREAM,
): Promise<string> => {
  const encoded = events.map((event) => ({
    id: randomUUID(),
    ...conversationCodec.encode(event),
    meta: new Uint8Array(),
  }));
  return (await store.append(streamOf(conversationId), last, encoded)).position;
};

/** All that the views say of some conversations and people, whoever wrote it. */
export const contents = async (
  tables: Tables,
  conversationIds: readonly ConversationId[],
  people: readonly string[],
) => {
  const rows = new Map<string, readonly Item[]>();
  const read = async (table: string, pk: string) => {
    rows.set(`${table} ${pk}`, (await tables.query(table, pk)).items);
  };
  for (const id of conversationIds) {
    for (const table of ['conversations', 'messages', 'sends', 'conversation-members']) await read(table, id);
  }
  for (const userId of people) await read('user-conversations', userId);
  return rows;
};
