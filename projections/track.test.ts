import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { conversationStreams } from '../domain/codec.ts';
import { streamOf } from '../domain/id.ts';
import type { EventStore } from '../domain/ports/event-store.ts';
import type { Tables } from '../domain/ports/tables.ts';
import { openTemporaryStore } from '../infra/testing/command-side.ts';
import { append, messageSent as message, temporaryTables } from '../infra/testing/read-side.ts';
import { applyBatch, readable } from './batch.ts';
import { messages } from './messages.ts';
import type { Projection } from './projection.ts';
import { createTrack, heal, isParked, load, moveTo, targetOf, type Track } from './track.ts';

let temporary: Awaited<ReturnType<typeof openTemporaryStore>>;
let store: EventStore;
let tables: Tables;
beforeEach(async () => {
  temporary = await openTemporaryStore();
  store = temporary.store;
  tables = await temporaryTables();
});
afterEach(async () => {
  await temporary[Symbol.asyncDispose]();
  await tables[Symbol.asyncDispose]();
});

const id = '01J00000000000000000000001';
const stream = streamOf(id);
const older: Projection = {
  name: 'messages',
  streams: conversationStreams,
  apply: (event) => {
    if (event.seq === 1) throw new Error('unknown to the older');
    return messages.apply(event);
  },
};

const opened = async (projection: Projection): Promise<Track> => {
  const track = createTrack(projection);
  await load(tables, track);
  return track;
};

const step = async (track: Track): Promise<boolean> => {
  const events = await store.readAll(track.position);
  const [poisons] = await applyBatch(tables, [targetOf(track)], events.map(readable));
  return moveTo(tables, track, events.at(-1)?.position ?? '', poisons?.values() ?? [], () => {});
};

const rows = async () => (await tables.query('messages', id)).items.map(({ sk }) => Number(sk));

describe('a projection with two runners', () => {
  it('has the one read again what the other has healed, before it passes anything over', async () => {
    await append(store, id, [message(0), message(1), message(2)]);
    const old = await opened(older);
    expect(await step(old)).toBe(true);
    expect(isParked(old, stream)).toBe(true);
    const fresh = await opened(messages);
    await heal(store, tables, fresh, stream, () => {});
    expect(isParked(fresh, stream)).toBe(false);
    expect(await rows()).toEqual([0, 1, 2]);

    await append(store, id, [message(3)], 2);
    expect(await step(old)).toBe(false);
    expect(isParked(old, stream)).toBe(false);
    expect(await step(old)).toBe(true);
    expect(await rows()).toEqual([0, 1, 2, 3]);
  });

  it('heals also what the other passes over meanwhile', async () => {
    await append(store, id, [message(0), message(1), message(2)]);
    const old = await opened(older);
    await step(old);
    const fresh = await opened(messages);
    const passedOver: boolean[] = [];
    const slow: Pick<EventStore, 'read'> = {
      read: async (...query) => {
        const events = await store.read(...query);
        if (passedOver.length === 0) {
          await append(store, id, [message(3)], 2);
          passedOver.push(await step(old));
        }
        return events;
      },
    };
    await heal(slow, tables, fresh, stream, () => {});
    expect(isParked(fresh, stream)).toBe(false);
    expect(await rows()).toEqual([0, 1, 2, 3]);
    expect(passedOver).toEqual([true]);
    expect(fresh.position).toBe(old.position);
  });

  it('lets one park what the other has applied, and healing it later changes nothing', async () => {
    await append(store, id, [message(0), message(1)]);
    const [old, fresh] = [await opened(older), await opened(messages)];
    expect(await step(fresh)).toBe(true);
    expect(await step(old)).toBe(false);
    expect(isParked(old, stream)).toBe(true);
    const before = await tables.query('messages', id);
    const next = await opened(messages);
    await heal(store, tables, next, stream, () => {});
    expect(isParked(next, stream)).toBe(false);
    expect(await tables.query('messages', id)).toEqual(before);
    expect(before.items).toHaveLength(2);
  });
});
