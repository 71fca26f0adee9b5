import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conversationCodec, receiptsCodec } from '../../domain/codec.ts';
import type { ConversationEvent } from '../../domain/conversation-event.ts';
import { receiptsStreamOf, streamOf } from '../../domain/id.ts';
import type { RecordedEvent } from '../../domain/ports/event-store.ts';
import { at } from '../../infra/testing/read-side.ts';
import type { ServerFrame } from '../protocol.ts';
import { deliver } from './deliver.ts';
import { Frame } from './frame.ts';
import { createRooms } from './rooms.ts';
import { decodeSync, startMark } from './sync-token.ts';

const conversations = ['0', '1', '2'].map((n) => `01J0000000000000000000000${n}`);
const [ann = '', ben = ''] = ['A', 'B'].map((letter) => `01J0000000000000000000000${letter}`);

/** Delivers these batches to Ann and Ben, who are in all conversations at first; resolves to what each was sent. */
const run = async (batches: readonly (readonly RecordedEvent[])[]) => {
  const rooms = createRooms();
  const frames: { ann: ServerFrame[]; ben: ServerFrame[] } = { ann: [], ben: [] };
  const seatOf = (userId: string, heard: ServerFrame[]) => ({
    userId,
    deviceId: userId,
    send: ({ value }: Frame) => void heard.push(value),
  });
  await rooms.seat(seatOf(ann, frames.ann), async () => conversations);
  await rooms.seat(seatOf(ben, frames.ben), async () => conversations);
  const failures: unknown[] = [];
  let prepared = new Map<string, number>();
  const delivery = deliver({
    store: {
      async *subscribe() {
        yield* batches;
      },
    },
    rooms,
    receipts: {
      prepare: async (first) => {
        prepared = new Map(first);
      },
      framesOf: (conversationId, revision, { marks }) => {
        expect(prepared.get(conversationId)).toBe(revision);
        prepared.set(conversationId, revision + 1);
        const own = new Frame({ type: 'marked', conversationId, delivered: revision });
        return {
          room: new Frame({
            type: 'receipts',
            conversationId,
            marks: [{ userId: ann, delivered: revision }],
          }),
          own: new Map(marks.map(({ userId }) => [userId, own])),
        };
      },
    },
    after: startMark,
    signal: new AbortController().signal,
    onError: (error) => failures.push(error),
  });
  await delivery.stopped;
  return { frames, failures, delivery };
};

type Kind = { readonly where: number; readonly kind: 'says' | 'marks' | 'leaves' | 'joins' | 'broken' };

/** A log of these, one after the other. */
const logOf = (kinds: readonly Kind[]): RecordedEvent[] => {
  const revisions = new Map<string, number>();
  return kinds.map(({ where, kind }, n) => {
    const conversationId = conversations[where] ?? '';
    const stream = kind === 'marks' ? receiptsStreamOf(conversationId) : streamOf(conversationId);
    const revision = (revisions.get(stream) ?? -1) + 1;
    revisions.set(stream, revision);
    const events = {
      says: { type: 'MessageSent', clientId: `${n}`, content: { kind: 'text', text: 'x' }, mentions: [] },
      leaves: { type: 'MemberLeft', userId: ben },
      joins: { type: 'MemberJoined', userId: ben, role: 'member' },
    } as const;
    const encoded =
      kind === 'marks'
        ? receiptsCodec.encode({ type: 'ReceiptsMoved', at, marks: [{ userId: ann, delivered: n }] })
        : kind === 'broken'
          ? { type: 'MessageSent', data: new Uint8Array([1]) }
          : conversationCodec.encode({ by: ann, at, ...events[kind] } as ConversationEvent);
    const id = `${String(n).padStart(8, '0')}-0000-4000-8000-000000000000`;
    const position = String(n + 1).padStart(16, '0');
    return { ...encoded, id, stream, revision, position, recordedAt: at, meta: new Uint8Array() };
  });
};

const positionOf = (frame: ServerFrame): number | undefined =>
  frame.type === 'events' && frame.sync ? Number(decodeSync(frame.sync)?.position || 0) : undefined;

/** What lies where an earlier token said that there was nothing left. */
const uncovered = (
  heard: readonly ServerFrame[],
  placeOf: (conversationId: string, revision: number, receipts: boolean) => number,
): ServerFrame[] => {
  let covered = 0;
  return heard.filter((frame) => {
    const before = covered;
    covered = positionOf(frame) ?? covered;
    if (frame.type === 'marked') return placeOf(frame.conversationId, frame.delivered ?? -1, true) <= before;
    if (frame.type !== 'events') return false;
    return (
      covered < before || frame.events.some(({ seq }) => placeOf(frame.conversationId, seq, false) <= before)
    );
  });
};

const kind = fc.record({
  where: fc.nat({ max: 2 }),
  kind: fc.constantFrom<Kind['kind']>('says', 'says', 'says', 'marks', 'leaves', 'joins', 'broken'),
});

describe('delivery', () => {
  it('gives tokens that leave nothing out of what comes after them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(kind, { maxLength: 40 }),
        fc.integer({ min: 1, max: 12 }),
        async (kinds, size) => {
          const log = logOf(kinds);
          const batches = [];
          for (let n = 0; n < log.length; n += size) batches.push(log.slice(n, n + size));
          const { frames, delivery } = await run(batches);
          const placeOf = (conversationId: string, revision: number, receipts: boolean) => {
            const stream = receipts ? receiptsStreamOf(conversationId) : streamOf(conversationId);
            return 1 + log.findIndex((one) => one.stream === stream && one.revision === revision);
          };
          expect(uncovered(frames.ann, placeOf)).toEqual([]);
          expect(uncovered(frames.ben, placeOf)).toEqual([]);
          expect(Number(delivery.mark().position || 0)).toBe(log.length);
          expect(Number(decodeSync(delivery.sync())?.position || 0)).toBe(log.length);
        },
      ),
    );
  });

  it('says in the last frame of a batch that the batch is over', async () => {
    const log = logOf([
      { where: 0, kind: 'says' },
      { where: 1, kind: 'says' },
      { where: 0, kind: 'says' },
    ]);
    const { frames } = await run([log]);
    expect(frames.ann.map(positionOf)).toEqual([1, 3]);
  });

  it('gives everybody in the room the same frame', async () => {
    const { frames } = await run([logOf([{ where: 0, kind: 'says' }])]);
    expect(frames.ann[0]).toBe(frames.ben[0]);
  });

  it('tells who leaves that they left, and nothing more until they are back', async () => {
    const kinds = ['says', 'leaves', 'says', 'marks', 'joins', 'says'] as const;
    const { frames } = await run([logOf(kinds.map((one) => ({ where: 0, kind: one })))]);
    const seqs = (heard: ServerFrame[]) =>
      heard.flatMap((frame) => (frame.type === 'events' ? frame.events.map(({ seq }) => seq) : []));
    expect(seqs(frames.ann)).toEqual([0, 1, 2, 3, 4]);
    expect(seqs(frames.ben)).toEqual([0, 1, 3, 4]);
  });

  it('passes over what can’t be read, and says so', async () => {
    const kinds = ['says', 'broken', 'says'] as const;
    const { frames, failures } = await run([logOf(kinds.map((one) => ({ where: 0, kind: one })))]);
    expect(frames.ann).toMatchObject([{ events: [{ seq: 0 }, { seq: 2 }] }]);
    expect(failures).toMatchObject([{ code: 'undecodable_event' }]);
  });

  it('tells who has read on all their sockets, and the room', async () => {
    const { frames } = await run([
      logOf([
        { where: 0, kind: 'marks' },
        { where: 0, kind: 'says' },
      ]),
    ]);
    expect(frames.ann.map(({ type }) => type)).toEqual(['events', 'marked', 'receipts']);
    expect(frames.ben.map(({ type }) => type)).toEqual(['events', 'receipts']);
    // The receipts are still to come when the events are told.
    expect(frames.ann.map(positionOf)).toEqual([0, undefined, undefined]);
  });
});
