import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { conversationStreams } from '../domain/codec.ts';
import type { ConversationEvent } from '../domain/conversation-event.ts';
import { streamOf } from '../domain/id.ts';
import type { EventStore } from '../domain/ports/event-store.ts';
import type { Change, Tables } from '../domain/ports/tables.ts';
import { openTemporaryStore } from '../infra/testing/command-side.ts';
import { cast, conversationEvents } from '../infra/testing/conversation-arbitrary.ts';
import { type Fault, faultyTables } from '../infra/testing/faulty-tables.ts';
import {
  append,
  at,
  contents,
  messageSent as message,
  newConversationId as newId,
  temporaryTables,
} from '../infra/testing/read-side.ts';
import { projections } from './all.ts';
import { conversations } from './conversations.ts';
import { heldUpTo } from './held.ts';
import { messages } from './messages.ts';
import type { Projection } from './projection.ts';
import { type Running, type RunOptions, runProjections } from './run.ts';

const SOON = 10_000;
const [ann = ''] = cast;

let temporary: Awaited<ReturnType<typeof openTemporaryStore>>;
let store: EventStore;
beforeEach(async () => {
  temporary = await openTemporaryStore();
  store = temporary.store;
});
afterEach(() => temporary[Symbol.asyncDispose]());

const run = (tables: Tables, options: Partial<RunOptions> = {}): Running =>
  runProjections({ store, tables, projections, retryMs: { first: 1, most: 5 }, ...options });

const created: ConversationEvent = {
  type: 'ConversationCreated',
  by: ann,
  at,
  kind: 'group',
  title: 'plans',
};
const group = (size: number) => [created, ...Array.from({ length: size }, (_, n) => message(n))];

const signal = () => {
  let give = () => {};
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { given, give: () => give() };
};

/** The views of a runner that had nothing to fear. */
const expected = async (ids: readonly string[], position: string) => {
  await using tables = await temporaryTables();
  await using running = run(tables);
  expect(await running.reached(position, SOON)).toBe(true);
  return await contents(tables, ids, cast);
};

const sampleOf = (seed: number, conversationCount: number) =>
  fc
    .sample(conversationEvents({ maxLength: 60 }), { seed, numRuns: conversationCount })
    .map((events) => ({ id: newId(), events }));

const appendAll = async (sample: readonly { id: string; events: readonly ConversationEvent[] }[]) => {
  const positions = await Promise.all(sample.map(({ id, events }) => append(store, id, events)));
  return positions.sort().at(-1) ?? '';
};

describe('projections at work', () => {
  it('apply what is in the log and what comes, and rebuilt from it are the same', async () => {
    await using tables = await temporaryTables();
    const before = sampleOf(1, 5);
    await appendAll(before);
    await using running = run(tables);
    const after = sampleOf(2, 20);
    const position = await appendAll(after);
    expect(await running.reached(position, SOON)).toBe(true);
    const ids = [...before, ...after].map(({ id }) => id);
    const live = await contents(tables, ids, cast);
    expect(live.get(`messages ${ids.at(-1)}`)?.length).toBeGreaterThan(0);
    expect(live).toEqual(await expected(ids, position));
    expect(running.state()).toEqual(projections.map(({ name }) => ({ name, position, parked: 0 })));
    expect(await running.lag()).toEqual({ events: 0, seconds: 0 });
  });

  it('change nothing when they apply the whole log once more', async () => {
    await using tables = await temporaryTables();
    const sample = sampleOf(3, 10);
    const position = await appendAll(sample);
    const ids = sample.map(({ id }) => id);
    {
      await using running = run(tables);
      expect(await running.reached(position, SOON)).toBe(true);
    }
    const once = await contents(tables, ids, cast);
    for (const { name } of projections) {
      const [item] = await tables.get('checkpoints', [{ pk: name, sk: 'checkpoint' }]);
      expect(item).toMatchObject({ position });
      const back = { pk: name, sk: 'checkpoint', revision: (item?.revision ?? 0) + 1, position: '' };
      expect(await tables.swap('checkpoints', back, item?.revision)).toBe(true);
    }
    await using again = run(tables);
    expect(await again.reached(position, SOON)).toBe(true);
    expect(await contents(tables, ids, cast)).toEqual(once);
  });

  it('pass over the streams of anything else, but not their positions', async () => {
    await using tables = await temporaryTables();
    await using running = run(tables);
    const bytes = new Uint8Array([1]);
    const other = [{ id: randomUUID(), type: 'Other', data: bytes, meta: bytes }];
    const { position } = await store.append(`other-${newId()}`, -1, other);
    expect(await running.reached(position, SOON)).toBe(true);
    expect(running.state().every(({ parked }) => parked === 0)).toBe(true);
  });

  it('are waited for: for a position, for an event of a conversation, and not for ever', async () => {
    await using tables = await temporaryTables();
    const id = newId();
    const running = run(tables);
    const seen = Promise.all([
      running.seen(id, 0, SOON),
      running.seen(id, 3, SOON),
      running.seen(id, 4, 100),
    ]);
    const position = await append(store, id, group(3));
    expect(
      await Promise.all(Array.from({ length: 500 }, () => running.reached(position, SOON))),
    ).not.toContain(false);
    expect(await seen).toEqual([true, true, false]);
    expect(await running.seen(id, 2, 0)).toBe(true);
    expect(await running.reached(`${position}0`, 20)).toBe(false);
    const waiting = running.reached(`${position}0`, SOON);
    await running[Symbol.asyncDispose]();
    expect(await waiting).toBe(false);
    expect(await running.seen(id, 9, SOON)).toBe(false);
    await running.stopped;
  });

  it('go on each where it stopped', async () => {
    await using tables = await temporaryTables();
    const id = newId();
    const first = await append(store, id, group(3));
    const one = run(tables, { projections: [messages] });
    expect(await one.reached(first, SOON)).toBe(true);
    await one[Symbol.asyncDispose]();
    const position = await append(store, id, [message(7)], 3);
    const seqs: number[] = [];
    const spy: Projection = {
      name: 'messages',
      streams: conversationStreams,
      apply: (event) => {
        seqs.push(event.seq);
        return messages.apply(event);
      },
    };
    await using two = run(tables, { projections: [conversations, spy] });
    expect(await two.reached(position, SOON)).toBe(true);
    expect(seqs).toEqual([4]);
    expect((await tables.query('conversations', id)).items).toMatchObject([{ lastSeq: 4 }]);
  });
});

describe('the seq that a conversation has come to', () => {
  it('is never seen before what it vouches for, in whatever order tables show the changes of a write', async () => {
    await using tables = await temporaryTables();
    const poison: Projection = {
      name: 'messages',
      streams: conversationStreams,
      apply: (event) => {
        if (event.seq === 40) throw new Error('not this one');
        return messages.apply(event);
      },
    };
    const ids = [newId(), newId()];
    const seen: [held: number, rows: number][] = [];
    const look = async () => {
      for (const [i, held] of (await heldUpTo(tables, ids)).entries()) {
        const { items } = await tables.query('messages', ids[i] ?? '');
        seen.push([held, items.length]);
      }
    };
    const vouching = (change: Change) => change.table === 'conversations';
    const anyOrder: Tables = {
      ...tables,
      write: async (changes) => {
        await tables.write(changes.filter(vouching));
        await look();
        await tables.write(changes.filter((change) => !vouching(change)));
        await look();
      },
    };
    await using running = run(anyOrder, {
      projections: [...projections.filter(({ name }) => name !== 'messages'), poison],
    });
    let position = '';
    for (let round = 0; round < 10; round += 1) {
      for (const id of ids) {
        const events = round === 0 ? group(4) : Array.from({ length: 5 }, (_, n) => message(5 * round + n));
        position = await append(store, id, events, 5 * round - 1);
      }
      expect(await running.reached(position, SOON)).toBe(true);
    }
    await look();
    expect(seen.filter(([held, rows]) => held >= rows)).toEqual([]);
    expect(seen.slice(-2)).toEqual([
      [39, 40],
      [39, 40],
    ]);
  });
});

describe('projections on tables that fail', () => {
  it('lose and repeat nothing, wherever the process dies', async () => {
    const sample = sampleOf(5, 3);
    const ids = sample.map(({ id }) => id);
    const position = await appendAll(sample);
    const right = await expected(ids, position);
    for (const fault of ['before', 'after'] as const) {
      for (let deadly = 0; deadly < 24; deadly += 1) {
        await using tables = await temporaryTables();
        const death = signal();
        let calls = 0;
        const dying = faultyTables(tables, () => {
          const call = calls++;
          if (call < deadly) return 'none';
          death.give();
          return call === deadly ? fault : 'before';
        });
        const one = run(dying);
        await Promise.race([death.given, one.reached(position, SOON)]);
        await one[Symbol.asyncDispose]();
        await using two = run(tables);
        expect(await two.reached(position, SOON)).toBe(true);
        expect(await contents(tables, ids, cast)).toEqual(right);
      }
    }
  });

  it('try again until they answer, and lose and repeat nothing', async () => {
    const faults = fc.array(fc.constantFrom<Fault>('none', 'none', 'before', 'after'), {
      minLength: 20,
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(faults, conversationEvents(), async (plan, events) => {
        await using tables = await temporaryTables();
        const left = [...plan];
        await using running = run(faultyTables(tables, () => left.pop() ?? 'none'));
        const id = newId();
        const half = Math.ceil(events.length / 2);
        await append(store, id, events.slice(0, half));
        const rest = events.slice(half);
        const position = await append(store, id, [...rest, message(99)], half - 1);
        expect(await running.reached(position, SOON)).toBe(true);
        expect(await contents(tables, [id], cast)).toEqual(await expected([id], position));
      }),
      { numRuns: 10 },
    );
  });

  it('do not forget who waits for an event when they fail to look for it', async () => {
    await using tables = await temporaryTables();
    const id = newId();
    let armed = false;
    const faulty = faultyTables(tables, (op, table) => {
      if (!armed || op !== 'get' || table !== 'conversations') return 'none';
      armed = false;
      return 'before';
    });
    await using running = run(faulty);
    const seen = running.seen(id, 1, SOON);
    armed = true;
    await append(store, id, group(1));
    expect(await seen).toBe(true);
    expect(armed).toBe(false);
  });

  it('show that they wait, and recover without a new event', async () => {
    await using tables = await temporaryTables();
    const [warned, recovered] = [signal(), signal()];
    let down = true;
    const log = { info: recovered.give, warn: warned.give, error: () => {} };
    await using running = run(
      faultyTables(tables, () => (down ? 'before' : 'none')),
      { log },
    );
    await warned.given;
    expect(running.state()[0]?.failing).toContain('a fault');
    expect(await running.reached('1', 10)).toBe(false);
    down = false;
    await recovered.given;
    expect(running.state()[0]).not.toHaveProperty('failing');
  });
});

describe('an event that can’t be applied', () => {
  const broken = (id: string, seq: number, by: 'throwing' | 'its size' = 'throwing'): Projection => ({
    name: 'messages',
    streams: conversationStreams,
    apply: (event) => {
      if (event.conversationId !== id || event.seq !== seq) return messages.apply(event);
      if (by === 'throwing') throw new Error('not this one');
      return [
        { op: 'put', table: 'messages', item: { pk: id, sk: 'x', revision: seq, big: 'x'.repeat(500_000) } },
      ];
    },
  });
  const others = projections.filter(({ name }) => name !== 'messages');
  const parkedOf = (running: Running) =>
    Object.fromEntries(running.state().map(({ name, parked }) => [name, parked]));

  for (const way of ['throwing', 'its size'] as const) {
    it(`by ${way}: parks the rest of its conversation, for that projection, and is tried again at the next start`, async () => {
      await using tables = await temporaryTables();
      const [bad, good] = [newId(), newId()];
      const logged: object[] = [];
      const log = { info: () => {}, warn: () => {}, error: (fields: object) => logged.push(fields) };
      await Promise.all([append(store, bad, group(5)), append(store, good, group(5))]);
      const one = run(tables, { projections: [...others, broken(bad, 3, way)], log });
      const position = await append(store, bad, [message(20)], 5);
      expect(await one.reached(position, SOON)).toBe(true);
      expect(parkedOf(one)).toEqual({
        conversations: 0,
        'user-conversations': 0,
        'conversation-members': 0,
        messages: 1,
        receipts: 0,
      });
      expect(one.isParked('messages', streamOf(bad))).toBe(true);
      expect(one.isParked('messages', streamOf(good))).toBe(false);
      expect(await heldUpTo(tables, [bad, newId(), good])).toEqual([2, -1, 5]);
      expect(await Promise.all([2, 3].map((seq) => one.seen(bad, seq, 200)))).toEqual([true, false]);
      expect(logged).toEqual([
        expect.objectContaining({ projection: 'messages', stream: streamOf(bad), seq: 3 }),
      ]);
      expect(JSON.stringify(logged)).not.toContain('message 2');
      const right = await expected([bad, good], position);
      const wrong = await contents(tables, [bad, good], cast);
      expect(wrong.get(`messages ${bad}`)).toEqual(right.get(`messages ${bad}`)?.slice(0, 3));
      expect(wrong.get(`messages ${good}`)).toEqual(right.get(`messages ${good}`));
      expect(wrong.get(`conversations ${bad}`)).toEqual(right.get(`conversations ${bad}`));
      const [mark] = await tables.get('parked', [{ pk: 'messages', sk: streamOf(bad) }]);
      expect(mark).toMatchObject({ seq: 3, healed: false, reason: expect.any(String) });
      await one[Symbol.asyncDispose]();

      const still = run(tables, { projections: [...others, broken(bad, 4)] });
      expect(await still.reached(position, SOON)).toBe(true);
      expect(parkedOf(still)).toMatchObject({ messages: 1 });
      expect((await tables.get('parked', [{ pk: 'messages', sk: streamOf(bad) }]))[0]).toMatchObject({
        seq: 4,
      });
      await still[Symbol.asyncDispose]();

      await using healed = run(tables);
      const end = await append(store, bad, [message(21)], 6);
      expect(await healed.reached(end, SOON)).toBe(true);
      expect(parkedOf(healed)).toMatchObject({ messages: 0 });
      expect(await heldUpTo(tables, [bad])).toEqual([7]);
      expect(await contents(tables, [bad, good], cast)).toEqual(await expected([bad, good], end));
    });
  }

  it('because it can’t be read parks its conversation for all that read such streams', async () => {
    await using tables = await temporaryTables();
    const [bad, good] = [newId(), newId()];
    await append(store, bad, group(1));
    const nonsense = {
      id: randomUUID(),
      type: 'MessageSent',
      data: new Uint8Array([123]),
      meta: new Uint8Array(),
    };
    await store.append(streamOf(bad), 1, [nonsense]);
    await append(store, bad, [message(3)], 2);
    const position = await append(store, good, group(2));
    await using running = run(tables);
    expect(await running.reached(position, SOON)).toBe(true);
    expect(running.state().map(({ parked }) => parked)).toEqual([1, 1, 1, 1, 0]);
    expect((await tables.query('messages', bad)).items).toHaveLength(2);
    expect((await tables.query('messages', good)).items).toHaveLength(3);
    expect(await running.seen(bad, 3, 50)).toBe(false);
  });
});

describe('two runners on the same tables', () => {
  it('end as one would', async () => {
    await using tables = await temporaryTables();
    const left = run(tables);
    const right = run(tables);
    const ids: string[] = [];
    let position = '';
    for (let round = 0; round < 8; round += 1) {
      const sample = sampleOf(100 + round, 5);
      ids.push(...sample.map(({ id }) => id));
      position = await appendAll(sample);
    }
    expect(await left.reached(position, SOON)).toBe(true);
    expect(await right.reached(position, SOON)).toBe(true);
    expect(await contents(tables, ids, cast)).toEqual(await expected(ids, position));
    for (const running of [left, right]) {
      expect(running.state()).toEqual(projections.map(({ name }) => ({ name, position, parked: 0 })));
      await running[Symbol.asyncDispose]();
    }
  });

  it('of which one is older and parks what the other knows lose nothing once the newer has started again', async () => {
    await using tables = await temporaryTables();
    const id = newId();
    await append(store, id, group(2));
    const older: Projection = {
      name: 'messages',
      streams: conversationStreams,
      apply: (event) => {
        if (event.conversationId === id && event.seq % 7 === 6) throw new Error('unknown to the older');
        return messages.apply(event);
      },
    };
    const old = run(tables, { projections: [older] });
    let position = '';
    let last = 2;
    for (let restart = 0; restart < 6; restart += 1) {
      const fresh = run(tables, { projections: [messages] });
      for (let n = 0; n < 10; n += 1) {
        position = await append(store, id, [message(last), message(last + 1)], last);
        last += 2;
      }
      expect(await fresh.reached(position, SOON)).toBe(true);
      await fresh[Symbol.asyncDispose]();
    }
    expect(await old.reached(position, SOON)).toBe(true);
    await old[Symbol.asyncDispose]();
    await using fresh = run(tables, { projections: [messages] });
    position = await append(store, id, [message(last)], last);
    expect(await fresh.reached(position, SOON)).toBe(true);
    expect((await tables.query('messages', id)).items.map(({ sk }) => Number(sk))).toEqual(
      Array.from({ length: last + 2 }, (_, seq) => seq),
    );
  });
});
