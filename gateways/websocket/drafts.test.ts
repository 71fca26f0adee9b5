import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { ulid } from 'ulid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Directory, Drafts as StoredDrafts } from '../../domain/ports/directory.ts';
import { openDirectory } from '../../infra/directory/open.ts';
import type { ServerFrame } from '../protocol.ts';
import { createDrafts, draftTimes } from './drafts.ts';
import type { Frame } from './frame.ts';
import { type Seat, createRooms } from './rooms.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'drafts-'));
let directory: Directory;
beforeAll(async () => {
  directory = await openDirectory({ type: 'sqlite', dataDir });
});
afterAll(async () => {
  await directory[Symbol.asyncDispose]();
  rmSync(dataDir, { recursive: true, force: true });
});

const LONG_MS = 3_600_000;

/** Drafts over the directory, whose writes are noted and may be held up, with a clock that stands still. */
const exchange = async (writeMs = LONG_MS) => {
  const writes: (readonly { text: string }[])[] = [];
  let gate: Promise<void> = Promise.resolve();
  const noted: StoredDrafts = {
    list: (userId) => directory.drafts.list(userId),
    async put(drafts) {
      writes.push(drafts);
      await gate;
      await directory.drafts.put(drafts);
    },
  };
  const rooms = createRooms();
  const clock = { now: 1_800_000_000_000 };
  const drafts = createDrafts({ directory: { drafts: noted }, rooms, now: () => clock.now, writeMs });
  const seat = async (userId: string) => {
    const told: Frame[] = [];
    const mine: Seat & { told: () => ServerFrame[]; frames: Frame[] } = {
      userId,
      deviceId: ulid(),
      send: (frame) => void told.push(frame),
      told: () => told.map(({ value }) => value),
      frames: told,
    };
    await rooms.seat(mine, async () => []);
    return mine;
  };
  const hold = () => {
    let release: () => void = () => undefined;
    gate = new Promise((resolve) => (release = resolve));
    return release;
  };
  return { drafts, writes, clock, seat, hold };
};
const wish = (conversationId: string, text: string) => ({ conversationId, text });

describe('drafts', () => {
  it('are told at once to all of the person’s sockets, in one shared frame, and to nobody else', async () => {
    const { drafts, seat } = await exchange();
    const [ann, bea] = [ulid(), ulid()];
    const [phone, laptop, tablet, other] = [
      await seat(ann),
      await seat(ann),
      await seat(ann),
      await seat(bea),
    ];
    const stored = drafts.put(phone, { ...wish('c1', 'hel'), replyTo: 4 });
    const draft = { conversationId: 'c1', text: 'hel', replyTo: 4, at: 1_800_000_000_000 };
    expect(laptop.told()).toEqual([{ type: 'draft', draft }]);
    expect(tablet.frames[0]).toBe(laptop.frames[0]);
    expect(phone.told()).toEqual(laptop.told());
    expect(other.told()).toEqual([]);
    await stored;
    expect(await drafts.of(ann)).toEqual([draft]);
    const overRest = drafts.put({ userId: ann }, wish('c1', 'hello'));
    expect([phone, laptop, tablet].map(({ told }) => told().length)).toEqual([2, 2, 2]);
    await drafts[Symbol.asyncDispose]();
    await overRest;
  });

  it('bear times that rise, also while the clock stands still or goes back', async () => {
    const { drafts, seat, clock } = await exchange();
    const [phone, laptop] = [await seat('ann'), await seat('ann')];
    const puts = ['a', 'b', 'c', 'd'].map((text) => {
      clock.now -= text === 'c' ? 5000 : 0;
      return drafts.put(phone, wish('rising', text));
    });
    const times = laptop.told().map((frame) => (frame.type === 'draft' ? frame.draft.at : -1));
    expect(times).toEqual([0, 1, 2, 3].map((more) => 1_800_000_000_000 + more));
    await drafts[Symbol.asyncDispose]();
    await Promise.all(puts);
    expect((await directory.drafts.list('ann'))[0]?.text).toBe('d');
  });

  it('count although the time of day was set back and the server began anew', async () => {
    const [userId, here] = [ulid(), ulid()];
    const before = await exchange(0);
    await before.drafts.put({ userId }, wish(here, 'old'));
    const after = await exchange(0);
    after.clock.now -= 3_600_000;
    expect(await after.drafts.of(userId)).toMatchObject([{ text: 'old' }]);
    await after.drafts.put({ userId }, wish(here, 'new'));
    expect(await directory.drafts.list(userId)).toMatchObject([{ text: 'new' }]);
  });

  it('are written at once after a pause, then together, of each conversation the last', async () => {
    const { drafts, writes } = await exchange();
    const ann = { userId: ulid() };
    const bea = { userId: ulid() };
    await drafts.put(ann, wish('c1', 'h'));
    const later = ['he', 'hel', 'hell'].map((text) => drafts.put(ann, wish('c1', text)));
    later.push(drafts.put(bea, wish('c1', 'hers')));
    expect((await drafts.of(ann.userId)).map(({ text }) => text)).toEqual(['hell']);
    expect(writes).toHaveLength(1);
    await drafts[Symbol.asyncDispose]();
    await Promise.all(later);
    expect(writes.map((drafts) => drafts.map(({ text }) => text))).toEqual([['h'], ['hell', 'hers']]);
    await drafts.put(bea, wish('c1', '')); // nobody waits for the time after the end
    expect((await directory.drafts.list(ann.userId)).map(({ text }) => text)).toEqual(['hell']);
  });

  it('are written by themselves when the time has come', async () => {
    const { drafts, writes } = await exchange(20);
    const ann = { userId: ulid() };
    await drafts.put(ann, wish('c1', 'h'));
    await drafts.put(ann, wish('c1', 'he'));
    expect(writes).toHaveLength(2);
    await drafts[Symbol.asyncDispose]();
  });

  it('are written before their time when many wait, and refused when the directory can’t follow', async () => {
    const { drafts, writes, hold } = await exchange();
    await drafts.put({ userId: ulid() }, wish('c1', 'first'));
    const many = (count: number) =>
      Array.from({ length: count }, () => drafts.put({ userId: ulid() }, wish('c1', 'x')));
    await Promise.all(many(draftTimes.early));
    expect(writes[1]).toHaveLength(draftTimes.early);

    const release = hold();
    const held = many(draftTimes.early);
    const again = { userId: ulid() };
    held.push(drafts.put(again, wish('c1', 'x')));
    await drafts.of(again.userId); // the held write has begun
    held.push(drafts.put(again, wish('c1', 'y')), ...many(draftTimes.waiting - 1));
    await expect(drafts.put({ userId: ulid() }, wish('c1', 'x'))).rejects.toMatchObject({
      code: 'overloaded',
    });
    held.push(drafts.put(again, wish('c1', 'the last')));
    await drafts.of(again.userId);
    expect(writes).toHaveLength(3); // one at a time
    release();
    await drafts[Symbol.asyncDispose]();
    await Promise.all(held);
    expect((await directory.drafts.list(again.userId)).map(({ text }) => text)).toEqual(['the last']);
  });

  it('are there for a device that comes before they are written, also that they are gone', async () => {
    const { drafts, writes, hold } = await exchange();
    const ann = { userId: ulid() };
    await drafts.put(ann, wish('c1', 'unsent'));
    const release = hold();
    const puts = [drafts.put(ann, wish('c1', '')), drafts.put(ann, wish('c2', 'other'))];
    const texts = async () =>
      Object.fromEntries(
        (await drafts.of(ann.userId)).map(({ conversationId, text }) => [conversationId, text]),
      );
    const expected = { c1: '', c2: 'other' };
    expect(await texts()).toEqual(expected);
    const over = drafts[Symbol.asyncDispose]();
    expect(await texts()).toEqual(expected);
    expect(writes).toHaveLength(2); // it has begun
    expect(await texts()).toEqual(expected);
    release();
    await over;
    await Promise.all(puts);
    expect(await texts()).toEqual(expected);
  });

  it('say when they could not be stored, and go on', async () => {
    let away = true;
    const drafts = createDrafts({
      directory: {
        drafts: {
          list: (userId) => directory.drafts.list(userId),
          put: (entries) => (away ? Promise.reject(new Error('away')) : directory.drafts.put(entries)),
        },
      },
      rooms: createRooms(),
      now: Date.now,
      writeMs: 1,
    });
    const ann = { userId: ulid() };
    const both = await Promise.allSettled([
      drafts.put(ann, wish('c1', 'lost')),
      drafts.put(ann, wish('c2', 'lost')),
    ]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    away = false;
    await drafts.put(ann, wish('c1', 'kept'));
    expect((await drafts.of(ann.userId)).map(({ text }) => text)).toEqual(['kept']);
    await drafts[Symbol.asyncDispose]();
  });

  it('are in the end stored as they were told, whatever happens in between', async () => {
    const people = [ulid(), ulid()] as const;
    const step = fc.record({
      who: fc.nat(1),
      conversationId: fc.constantFrom('c1', 'c2', 'c3'),
      text: fc.constantFrom('', 'a', 'b', 'c'),
      moveMs: fc.integer({ min: -3, max: 3 }),
      wait: fc.boolean(),
    });
    const state = await exchange(0);
    const watching = [await state.seat(people[0]), await state.seat(people[1])];
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const puts: Promise<void>[] = [];
        for (const { who, conversationId, text, moveMs, wait } of steps) {
          state.clock.now += moveMs;
          const put = state.drafts.put({ userId: people[who] ?? '' }, wish(conversationId, text));
          puts.push(put);
          if (wait) await put;
        }
        await Promise.all(puts);
        for (const seat of watching) {
          const shown = new Map(
            seat
              .told()
              .flatMap((frame) =>
                frame.type === 'draft' ? [[frame.draft.conversationId, frame.draft]] : [],
              ),
          );
          const stored = await directory.drafts.list(seat.userId);
          expect(new Map(stored.map((draft) => [draft.conversationId, draft]))).toEqual(shown);
        }
      }),
      { numRuns: 40 },
    );
    await state.drafts[Symbol.asyncDispose]();
  });
});
