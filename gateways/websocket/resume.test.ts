import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReceiptsCache } from '../../commands/receipts.ts';
import type { ConversationEvent } from '../../domain/conversation-event.ts';
import type { ConversationId, UserId } from '../../domain/id.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { Tables } from '../../domain/ports/tables.ts';
import { openTemporaryStore } from '../../infra/testing/command-side.ts';
import { at, messageSent, temporaryTables } from '../../infra/testing/read-side.ts';
import { createDevice } from '../../infra/testing/resume-device.ts';
import { type World, add, isIn, membersOf, moveMarks, newWorld } from '../../infra/testing/resume-world.ts';
import { projections } from '../../projections/all.ts';
import { runProjections, type Running } from '../../projections/run.ts';
import * as userConversations from '../../projections/user-conversations.ts';
import type { ArrivalDeps } from './arrival.ts';
import { type Delivery, deliver } from './deliver.ts';
import { createReceiptFrames } from './receipts.ts';
import { createRooms } from './rooms.ts';
import { endOf } from './sync-token.ts';

let temporary: Awaited<ReturnType<typeof openTemporaryStore>>;
let store: EventStore;
let tables: Tables;
let running: Running;
let delivery: Delivery;
let deps: ArrivalDeps;
const worlds = new Map<ConversationId, World>();
const rooms = createRooms();
const stop = new AbortController();
const failures: unknown[] = [];
/** Called while a socket waits for the views: what happens then is held for it. */
let meanwhile: () => Promise<void> = async () => undefined;

beforeAll(async () => {
  temporary = await openTemporaryStore();
  ({ store } = temporary);
  tables = await temporaryTables();
  running = runProjections({ store, tables, projections });
  const receipts = createReceiptFrames({
    store,
    receipts: createReceiptsCache(store),
    members: async (id) => new Set(membersOf(worlds.get(id) ?? newWorld())),
    onError: (error) => failures.push(error),
  });
  delivery = deliver({
    store,
    rooms,
    receipts,
    after: await endOf(store),
    signal: stop.signal,
    onError: (error) => failures.push(error),
  });
  const reached = async () => {
    expect(await running.reached(delivery.mark().position, 10_000)).toBe(true);
  };
  deps = {
    store,
    tables,
    rooms,
    delivery,
    receipts,
    isParked: () => false,
    onUnreadable: (error) => failures.push(error),
    conversationsOf: async (userId) => {
      await reached();
      return (await userConversations.of(tables, userId)).map(({ conversationId }) => conversationId);
    },
    settled: async () => {
      await meanwhile();
      await reached();
    },
    drafts: { of: async () => [] },
    limits: { perConversation: 6, all: { events: 14, bytes: 20_000 }, perFrame: 2 },
  };
});
afterAll(async () => {
  stop.abort();
  await delivery.stopped;
  await running[Symbol.asyncDispose]();
  await tables[Symbol.asyncDispose]();
  await temporary[Symbol.asyncDispose]();
  expect(failures).toEqual([]);
});

const delivered = async () => {
  const end = await store.end();
  while (delivery.mark().position < end) await new Promise((resolve) => setImmediate(resolve));
};

// What happens at random.

const nat = fc.nat({ max: 1_000 });
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('say' as const),
      where: nat,
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('join' as const), where: nat, who: nat }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('leave' as const), where: nat, who: nat, how: nat }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('mark' as const), where: nat, who: nat, far: nat }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('drop' as const), who: nat }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('storm' as const), order: nat }) },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('connect' as const),
      who: nat,
      frames: fc.option(fc.nat({ max: 6 }), { nil: undefined }),
      held: fc.nat({ max: 3 }),
      during: fc.nat({ max: 3 }),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

let people = 0;
const play = async (steps: readonly Step[]) => {
  const [ann, ben, cat] = ['A', 'B', 'C'].map(
    (letter) => `01J${String((people += 1)).padStart(22, '0')}${letter}`,
  );
  const cast = [ann ?? '', ben ?? '', cat ?? ''];
  const here = [newWorld(), newWorld(), newWorld()];
  for (const world of here) worlds.set(world.id, world);
  const by = ann ?? '';
  const joined = (userId: UserId): ConversationEvent => ({
    type: 'MemberJoined',
    by,
    at,
    userId,
    role: 'member',
  });
  for (const world of here)
    await add(store, world, [{ type: 'ConversationCreated', by, at, kind: 'group', title: 'x' }, joined(by)]);
  const devices = cast.map((userId) => createDevice(userId, deps));
  const pick = <T>(list: readonly T[], n: number) => list[n % list.length] as T;

  const perform = async (one: Step): Promise<void> => {
    switch (one.op) {
      case 'say':
        return add(
          store,
          pick(here, one.where),
          Array.from({ length: one.count }, (_, n) => messageSent(n)),
        );
      case 'join': {
        const [world, userId] = [pick(here, one.where), pick(cast, one.who)];
        return isIn(world, userId) ? undefined : add(store, world, [joined(userId), messageSent(0)]);
      }
      case 'leave': {
        const [world, userId] = [pick(here, one.where), pick(cast, one.who)];
        const type = pick(['MemberLeft', 'MemberRemoved', 'MemberBanned'] as const, one.how);
        // Whoever is not there can be banned all the same.
        if (!isIn(world, userId) && type !== 'MemberBanned') return undefined;
        return add(store, world, [messageSent(1), { type, by, at, userId }, messageSent(2)]);
      }
      case 'mark': {
        const [world, userId] = [pick(here, one.where), pick(cast, one.who)];
        if (!isIn(world, userId)) return undefined;
        const before = world.moves.flatMap(({ marks }) => marks).findLast((mark) => mark.userId === userId);
        const reached = Math.max(before?.delivered ?? 0, one.far % world.events.length);
        return moveMarks(store, world, [
          {
            userId,
            delivered: reached,
            read: Math.max(before?.read ?? 0, reached - (one.far % 2)),
            shown: before?.shown ?? 0,
          },
        ]);
      }
      case 'storm': {
        // At once, so that one batch has events of all.
        const turns = [0, 1, 2].map((i) => pick(here, i + one.order));
        const [first] = turns;
        const mark = { op: 'mark' as const, where: here.indexOf(first as World), who: 0, far: one.order };
        await Promise.all([...turns.map((world) => add(store, world, [messageSent(3)])), perform(mark)]);
        return undefined;
      }
      case 'drop':
        return pick(devices, one.who).drop();
      case 'connect':
        return undefined;
    }
  };

  for (let n = 0; n < steps.length; n += 1) {
    const one = steps[n];
    if (one?.op !== 'connect') {
      if (one) await perform(one);
      continue;
    }
    // What comes next happens while the socket arrives.
    const during = steps
      .slice(n + 1, n + 1 + one.during)
      .filter(({ op }) => op !== 'connect' && op !== 'drop');
    n += during.length;
    meanwhile = async () => {
      const next = during.shift();
      if (next) await perform(next);
      await delivered();
    };
    await pick(devices, one.who).connect(one.frames, { frames: one.held, bytes: 1_000_000 });
    meanwhile = async () => undefined;
    for (const rest of during) await perform(rest);
  }
  // Once nothing happens any more, everybody comes to the end.
  for (const device of devices) await device.connect();
  await delivered();
  for (const device of devices) {
    expect(device.check(here)).toEqual([]);
    device.drop();
  }
};

/** The same mark twice is news for nobody. */
const repeatedMark: Step[] = [
  { op: 'storm', order: 0 },
  { op: 'connect', who: 0, frames: undefined, held: 0, during: 0 },
  { op: 'storm', order: 0 },
  { op: 'join', where: 0, who: 190 },
];

describe('a device that comes back with its token', () => {
  it('has everything that its person may see, once, in order, or is told what it lacks', async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), play), {
      numRuns: 25,
      examples: [[repeatedMark]],
    });
  });
});
