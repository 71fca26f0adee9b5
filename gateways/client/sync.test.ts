import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createTestClock } from '../../infra/testing/clock.ts';
import type { EventsPage, SequencedEvent, ServerFrame } from '../protocol.ts';
import { createMemory, under } from './key-value.ts';
import { createSync } from './sync.ts';
import { times } from './times.ts';

const CONVERSATIONS = ['a', 'b', 'c'] as const;
const PAGE = 3;
type Position = Record<string, number>;
const tokenOf = (position: Position) => JSON.stringify(position);
const positionOf = (token: string) => JSON.parse(token) as Position;

const at = 1_700_000_000_000;
const event = (seq: number): SequencedEvent => ({
  seq,
  event: { type: 'TopicChanged', by: 'ben', at, topic: `${seq}` },
});
const range = (from: number, to: number) =>
  Array.from({ length: Math.max(0, to - from) }, (_, index) => event(from + index));

/** A server with some conversations, of which each client has got a part, and a client that may be started anew. */
const createWorld = () => {
  const clock = createTestClock();
  const kv = createMemory();
  const ends: Position = { a: 1, b: 1, c: 1 };
  /** What was handed on, and what of that was stored by the listener. */
  const handed: Record<string, number[]> = { a: [], b: [], c: [] };
  const done: Position = {};
  const problems: unknown[] = [];
  const storing: (() => void)[] = [];
  let offline = false;
  let slow = false;
  let resets = 0;
  let sync = start();
  let position: Position | undefined;

  function start() {
    return createSync({
      kept: under(kv, ''),
      clock,
      times,
      random: () => 0.5,
      events: async (id, after): Promise<EventsPage> => {
        if (offline) throw new Error('unreachable');
        const end = ends[id] ?? 0;
        return { events: range(after + 1, Math.min(end, after + 1 + PAGE)), lastSeq: end - 1 };
      },
      on: {
        onEvents: (id, events) => {
          handed[id]?.push(...events.map(({ seq }) => seq));
          const last = events.at(-1)?.seq ?? -1;
          if (!slow) return void (done[id] = last);
          return new Promise<void>((resolve) => {
            storing.push(() => {
              done[id] = Math.max(done[id] ?? -1, last);
              resolve();
            });
          });
        },
        onReset: () => {
          resets += 1;
          // The views are read: everything up to now is stored.
          for (const id of CONVERSATIONS) {
            handed[id] = [];
            done[id] = (ends[id] ?? 0) - 1;
          }
        },
        onBehind: () => 'page',
        onLost: (id) => problems.push(`lost ${id}`),
      },
      onThrown: (error) => problems.push(error),
    });
  }
  const welcome = (resumed: boolean, token: string) =>
    sync.welcome({ type: 'welcome', version: 1, userId: 'u', deviceId: 'd', now: 0, sync: token, resumed });
  const live = (id: string, from: number) => {
    if (!position) return;
    position[id] = (ends[id] ?? 0) - 1;
    sync.events(id, range(from, ends[id] ?? 0), tokenOf(position));
  };

  return {
    clock,
    problems,
    handed,
    ends,
    resets: () => resets,
    happen: (id: string, count: number) => {
      const from = ends[id] ?? 0;
      ends[id] = from + count;
      live(id, from);
    },
    /** The first of them don’t come, the last does. */
    jump: (id: string, count: number) => {
      ends[id] = (ends[id] ?? 0) + count;
      live(id, ends[id] - 1);
    },
    drop: () => {
      position = undefined;
    },
    connect: (behind: boolean) => {
      if (position) return;
      const token = sync.token();
      position = Object.fromEntries(Object.entries(ends).map(([id, end]) => [id, end - 1]));
      if (token === undefined) return welcome(false, tokenOf(position));
      const from = positionOf(token);
      welcome(true, token);
      const far: Extract<ServerFrame, { type: 'behind' }>['conversations'] = [];
      for (const id of CONVERSATIONS) {
        const [after, lastSeq] = [from[id] ?? -1, (ends[id] ?? 0) - 1];
        if (behind && lastSeq - after > 2) far.push({ conversationId: id, after, lastSeq });
        else if (lastSeq > after) sync.events(id, range(after + 1, lastSeq + 1), undefined);
      }
      if (far.length > 0) sync.behind(far);
      sync.reached(tokenOf(position));
    },
    reload: () => {
      position = undefined;
      sync.close();
      storing.length = 0;
      sync = start();
      // What was not stored is forgotten with the page.
      for (const id of CONVERSATIONS) handed[id] = handed[id]?.filter((seq) => seq <= (done[id] ?? -1)) ?? [];
    },
    setOffline: (value: boolean) => {
      offline = value;
    },
    setSlow: (value: boolean) => {
      slow = value;
    },
    store: () => {
      for (const work of storing.splice(0)) work();
    },
    /** Where the kept token would resume is nowhere beyond what was stored. */
    isSafe: () => {
      const token = kv.get('sync');
      return (
        token === undefined || Object.entries(positionOf(token)).every(([id, seq]) => seq <= (done[id] ?? -1))
      );
    },
  };
};

const id = fc.constantFrom(...CONVERSATIONS);
const count = fc.integer({ min: 1, max: 9 });
const step = fc.oneof(
  fc.record({ what: fc.constant('happen' as const), id, count }),
  fc.record({ what: fc.constant('jump' as const), id, count }),
  fc.record({ what: fc.constant('drop' as const) }),
  fc.record({ what: fc.constant('connect' as const), behind: fc.boolean() }),
  fc.record({ what: fc.constant('reload' as const) }),
  fc.record({ what: fc.constant('offline' as const), value: fc.boolean() }),
  fc.record({ what: fc.constant('slow' as const), value: fc.boolean() }),
  fc.record({ what: fc.constant('store' as const) }),
  fc.record({ what: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 5_000 }) }),
);

test('whatever breaks, every event is handed on once and in order, and the token is never ahead', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const world = createWorld();
      for (const now of steps) {
        if (now.what === 'happen') world.happen(now.id, now.count);
        else if (now.what === 'jump') world.jump(now.id, now.count);
        else if (now.what === 'drop') world.drop();
        else if (now.what === 'connect') world.connect(now.behind);
        else if (now.what === 'reload') world.reload();
        else if (now.what === 'offline') world.setOffline(now.value);
        else if (now.what === 'slow') world.setSlow(now.value);
        else if (now.what === 'store') world.store();
        else await world.clock.advance(now.ms);
        await world.clock.settle();
        expect(world.isSafe()).toBe(true);
      }
      world.setOffline(false);
      world.setSlow(false);
      world.store();
      world.connect(true);
      for (const one of CONVERSATIONS) world.happen(one, 1);
      await world.clock.advance(times.backoffMost);
      expect(world.isSafe()).toBe(true);
      expect(world.problems).toEqual([]);
      for (const one of CONVERSATIONS) {
        const seqs = world.handed[one] ?? [];
        const end = world.ends[one] ?? 0;
        expect(seqs).toEqual(range(end - seqs.length, end).map(({ seq }) => seq));
      }
    }),
    { numRuns: 1_000 },
  );
});

const open = (
  events: (id: string, after: number) => Promise<EventsPage>,
  behind: 'page' | 'skip' = 'page',
) => {
  const clock = createTestClock();
  const handed: number[] = [];
  const lost: string[] = [];
  const sync = createSync({
    kept: under(createMemory(), ''),
    clock,
    times,
    random: () => 0.5,
    events,
    on: {
      onEvents: (_, came) => void handed.push(...came.map(({ seq }) => seq)),
      onReset: () => undefined,
      onBehind: () => behind,
      onLost: (one) => void lost.push(one),
    },
    onThrown: (error) => {
      throw error;
    },
  });
  return { clock, sync, handed, lost };
};

test('events that nobody can read are passed over', async () => {
  const { sync, handed, clock } = open(async (_, after) => ({
    events: [event(4), event(7)].filter(({ seq }) => seq > after),
    lastSeq: 8,
  }));
  sync.events('a', [event(1)], undefined);
  sync.events('a', [event(8 + 1)], undefined);
  await clock.settle();
  expect(handed).toEqual([1, 4, 7, 9]);
});

test('a conversation that can’t be read any more is lost, and the token goes on', async () => {
  const gone = Object.assign(new Error('gone'), { status: 404 });
  const { sync, handed, lost, clock } = open(() => Promise.reject(gone));
  sync.events('a', [event(1)], undefined);
  sync.events('a', [event(5)], 'later');
  await clock.settle();
  expect([lost, sync.token()]).toEqual([[], undefined]);
  await clock.advance(60_000);
  expect([handed, lost, sync.token()]).toEqual([[1], ['a'], 'later']);
  sync.events('a', [event(9)], undefined);
  expect(handed).toEqual([1, 9]);
});

test('who skips goes on after it', async () => {
  const { sync, handed, clock } = open(() => Promise.reject(new Error('not asked for')), 'skip');
  sync.events('a', [event(1)], undefined);
  sync.behind([{ conversationId: 'a', after: 1, lastSeq: 900 }]);
  sync.events('a', [event(900), event(901)], undefined);
  await clock.settle();
  expect(handed).toEqual([1, 901]);
  expect(clock.waiting()).toBe(0);
});

test('a listener that throws keeps the token where it was', async () => {
  const errors: unknown[] = [];
  const sync = createSync({
    kept: under(createMemory(), ''),
    clock: createTestClock(),
    times,
    random: () => 0.5,
    events: () => Promise.reject(new Error('not asked for')),
    on: {
      onEvents: (conversation) => {
        if (conversation === 'b') throw new Error('broken');
      },
      onReset: () => undefined,
      onBehind: () => 'page',
      onLost: () => undefined,
    },
    onThrown: (error) => errors.push(error),
  });
  sync.events('a', [event(1)], 'one');
  sync.events('b', [event(1)], 'two');
  sync.events('a', [event(2)], 'three');
  expect([sync.token(), errors.length]).toEqual(['one', 1]);
});
