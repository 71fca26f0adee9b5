import { afterAll, beforeAll, expect, it } from 'vitest';
import { conversationStreams, receiptsStreams } from '../domain/codec.ts';
import { receiptsStreamOf, streamOf } from '../domain/id.ts';
import type { RecordedEvent } from '../domain/ports/event-store.ts';
import type { Tables } from '../domain/ports/tables.ts';
import { at, messageSent, newConversationId, temporaryTables } from '../infra/testing/read-side.ts';
import { applyBatch, readable } from './batch.ts';
import type { Projection } from './projection.ts';

let tables: Tables;
beforeAll(async () => {
  tables = await temporaryTables();
});
afterAll(() => tables[Symbol.asyncDispose]());

const ROWS = 300;
/** Many rows of each event; the second of a conversation named `bad` can't be written. */
const wide = (bad: string): Projection => ({
  name: 'wide',
  streams: conversationStreams,
  apply: ({ conversationId: pk, seq: revision }) =>
    Array.from({ length: ROWS }, (_, n) => {
      const text = pk === bad && revision === 1 ? 'x'.repeat(500_000) : '';
      return { op: 'put', table: 'wide', item: { pk, sk: `${revision}-${n}`, revision, text } };
    }),
});
const recorded = (id: string, revision: number): RecordedEvent => ({
  id: `${id}${revision}`,
  stream: streamOf(id),
  revision,
  position: `${revision}`,
  recordedAt: at,
  ...conversationStreams.codec.encode(messageSent(revision)),
  meta: new Uint8Array(),
});

it('what can’t be written is left out with all that follows in its stream, over several writes between which others get a turn', async () => {
  const [bad, good] = [newConversationId(), newConversationId()];
  const events = [0, 1, 2, 3].flatMap((revision) => [recorded(bad, revision), recorded(good, revision)]);
  let turns = 0;
  let over = false;
  const turn = () => {
    turns += 1;
    if (!over) setImmediate(turn);
  };
  setImmediate(turn);
  const [poisons] = await applyBatch(
    tables,
    [{ projection: wide(bad), takes: () => true }],
    events.map(readable),
  );
  over = true;
  expect([...(poisons?.values() ?? [])]).toMatchObject([{ stream: streamOf(bad), seq: 1 }]);
  expect((await tables.query('wide', bad)).items).toHaveLength(ROWS);
  expect((await tables.query('wide', good, { limit: 1000 })).next).toBeDefined();
  expect(turns).toBeGreaterThanOrEqual(events.length / 2);
});

it('what is fit in a stream that turns unfit later is kept, also when another event of the batch is refused', async () => {
  const [bad, worse, good] = [newConversationId(), newConversationId(), newConversationId()];
  const unreadable = { ...recorded(worse, 2), data: Uint8Array.from([1]) };
  const events = [recorded(worse, 0), recorded(bad, 1), recorded(good, 0), recorded(worse, 1), unreadable];
  const [poisons] = await applyBatch(
    tables,
    [{ projection: wide(bad), takes: () => true }],
    events.map(readable),
  );
  expect([...(poisons?.keys() ?? [])].sort()).toEqual([streamOf(bad), streamOf(worse)].sort());
  expect(poisons?.get(streamOf(worse))).toMatchObject({ seq: 2 });
  expect((await tables.query('wide', worse)).items).toHaveLength(2 * ROWS);
  expect((await tables.query('wide', good)).items).toHaveLength(ROWS);
});

it('an event is read once, and only by those who read its kind of streams', () => {
  const id = newConversationId();
  const marks = [{ userId: id, delivered: 1 }];
  const { type, data } = receiptsStreams.codec.encode({ type: 'ReceiptsMoved', at, marks });
  const stored = { ...recorded(id, 0), stream: receiptsStreamOf(id), type, data: Uint8Array.from(data) };
  const { read } = readable(stored);
  expect(read(conversationStreams)).toBeUndefined();
  expect(read(receiptsStreams)).toMatchObject({ conversationId: id, seq: 0, event: { marks } });
  expect(read(receiptsStreams)?.event).toBe(read(receiptsStreams)?.event);
});
