import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPreferences } from '../../commands/preferences.ts';
import { type Preferences, usualPreferences } from '../../domain/ports/directory.ts';
import { LEASE_MS } from '../../domain/ports/live-state.ts';
import { MemoryLiveState } from '../../infra/live-state/memory.ts';
import { createTestClock } from '../../infra/testing/clock.ts';
import type { Presence as Told } from '../protocol.ts';
import type { Frame } from './frame.ts';
import { createPresence, presenceLimits } from './presence.ts';
import { type Seat, createRooms } from './rooms.ts';

const { turnMs, graceMs } = presenceLimits;

/** Gateways over one live state and one directory. */
const world = (conversations: Readonly<Record<string, readonly string[]>>) => {
  const clock = createTestClock();
  const live = new MemoryLiveState({ now: clock.now });
  const members = new Map(Object.entries(conversations).map(([id, people]) => [id, new Set(people)]));
  const stored = { seen: new Map<string, number>(), preferences: new Map<string, Preferences>(), calls: 0 };
  const people = {
    async seen(entries: readonly { userId: string; at: number }[]) {
      stored.calls += 1;
      for (const { userId, at } of entries)
        stored.seen.set(userId, Math.max(at, stored.seen.get(userId) ?? 0));
    },
    lastSeen: async (userIds: readonly string[]) => userIds.map((userId) => stored.seen.get(userId)),
    preferences: async (userId: string) => stored.preferences.get(userId) ?? usualPreferences,
    async setPreferences(userId: string, change: Partial<Preferences>) {
      stored.preferences.set(userId, { ...(await people.preferences(userId)), ...change });
    },
  };
  const preferences = createPreferences(people);
  let gateways = 0;
  const reads: string[] = [];
  const view = { ready: Promise.resolve() };

  const gateway = () => {
    const rooms = createRooms();
    const errors: unknown[] = [];
    const presence = createPresence({
      live,
      rooms,
      preferences,
      people,
      clock,
      members: async (conversationId) => {
        reads.push(conversationId);
        const found = [...(members.get(conversationId) ?? [])];
        await view.ready;
        return found;
      },
      gatewayId: `g${(gateways += 1)}`,
      onError: (error) => errors.push(error),
    });
    const arrive = async (userId: string, deviceId = 'phone') => {
      const frames: Frame[] = [];
      const seat: Seat = { userId, deviceId, send: (frame) => frames.push(frame) };
      await rooms.seat(seat, async () =>
        [...members].filter(([, who]) => who.has(userId)).map(([conversationId]) => conversationId),
      );
      presence.arrive(seat);
      const told = () => frames.flatMap(({ value }) => (value.type === 'presence' ? [value.people] : []));
      return {
        seat,
        frames,
        told,
        /** What a client knows that keeps the newest of each. */
        knows: (): Record<string, Told['state']> =>
          Object.fromEntries(told().flatMap((some) => some.map(({ userId, state }) => [userId, state]))),
        lastSeenOf: (userId: string) =>
          told()
            .flat()
            .findLast((one) => one.userId === userId)?.lastSeenAt,
        watch: (...ids: string[]) => presence.watch(seat, ids),
        set: (state: 'online' | 'away') => presence.set(seat, state),
        leave: () => {
          presence.leave(seat);
          rooms.remove(seat);
        },
      };
    };
    const move = (userId: string, conversationId: string, joined: boolean) => {
      const who = members.get(conversationId) ?? new Set();
      if (joined) who.add(userId);
      else who.delete(userId);
      presence.moved(conversationId, userId, joined);
      if (joined) rooms.join(userId, conversationId);
      else rooms.leave(userId, conversationId);
    };
    return { rooms, presence, arrive, move, errors };
  };
  /** Until what has happened has been told. */
  const told = () => clock.advance(turnMs);
  return { clock, live, gateway, preferences, stored, reads, view, told };
};

describe('presence', () => {
  it('is told to those who watch a conversation that both are in, and to nobody else', async () => {
    const { gateway, told } = world({ both: ['ann', 'ben'], other: ['cat', 'ben'], third: ['cat'] });
    const { arrive } = gateway();
    const [ann, cat, quiet] = [await arrive('ann'), await arrive('cat'), await arrive('ben', 'quiet')];
    quiet.leave();
    ann.watch('both');
    cat.watch('both', 'third');
    await told();
    await told();
    expect(ann.knows()).toEqual({ ann: 'online', ben: 'offline' });
    await arrive('ben');
    await told();
    expect(ann.knows()).toEqual({ ann: 'online', ben: 'online' });
    expect(cat.knows()).toEqual({ cat: 'online' });
  });

  it('is online if any of a person’s devices is, else away, and offline some time after the last has gone', async () => {
    const { gateway, told, clock } = world({ c: ['ann', 'ben'] });
    const [here, there] = [gateway(), gateway()];
    const ann = await here.arrive('ann');
    ann.watch('c');
    const [phone, laptop] = [await here.arrive('ben', 'phone'), await there.arrive('ben', 'laptop')];
    const states = [];
    for (const step of [
      () => undefined,
      () => phone.set('away'),
      () => laptop.set('away'),
      () => phone.set('online'),
      () => phone.leave(),
      () => laptop.leave(),
    ]) {
      step();
      await told();
      await told();
      states.push(ann.knows()['ben']);
    }
    expect(states).toEqual(['online', 'online', 'away', 'online', 'away', 'away']);
    await clock.advance(graceMs);
    expect(ann.knows()['ben']).toBe('offline');
    const wentAt = clock.now() - graceMs;
    expect(Math.abs((ann.lastSeenOf('ben') ?? 0) - wentAt)).toBeLessThan(2_000);
  });

  it('does not flicker when somebody loads their page again', async () => {
    const { gateway, told, clock } = world({ c: ['ann', 'ben'] });
    const { arrive } = gateway();
    const [ann, ben] = [await arrive('ann'), await arrive('ben')];
    ann.watch('c');
    await told();
    await told();
    const before = ann.told().length;
    ben.leave();
    await clock.advance(graceMs - 1_000);
    await arrive('ben');
    await clock.advance(2 * graceMs);
    expect(ann.told()).toHaveLength(before);
    expect(ann.knows()['ben']).toBe('online');
  });

  it('says of those who are offline when they were here last, in small conversations', async () => {
    const crowd = Array.from({ length: 40 }, (_, n) => `p${n}`);
    const { gateway, told, stored } = world({
      small: ['ann', 'ben', 'cat'],
      large: ['ann', 'dan', ...crowd],
    });
    stored.seen.set('ben', 5_000).set('dan', 6_000);
    const { arrive } = gateway();
    const ann = await arrive('ann');
    ann.watch('small', 'large');
    await told();
    await told();
    expect(ann.lastSeenOf('ben')).toBe(5_000);
    expect(ann.lastSeenOf('cat')).toBeUndefined();
    expect(ann.knows()).toEqual({ ann: 'online', ben: 'offline' });
  });

  it('never shows somebody who does not want it, and no longer from the moment that they say so', async () => {
    const { gateway, told, stored, preferences, clock } = world({ c: ['ann', 'ben', 'cat'] });
    stored.preferences.set('cat', { ...usualPreferences, sharePresence: false });
    stored.seen.set('cat', 1);
    const { arrive } = gateway();
    const ann = await arrive('ann');
    ann.watch('c');
    await arrive('ben');
    const cat = await arrive('cat');
    await told();
    await told();
    expect(ann.knows()).toEqual({ ann: 'online', ben: 'online' });
    await preferences.set('ben', { sharePresence: false });
    const late = await arrive('ann', 'laptop');
    late.watch('c');
    await told();
    await told();
    expect(ann.knows()['ben']).toBe('offline');
    expect(ann.lastSeenOf('ben')).toBeUndefined();
    expect(late.knows()).toEqual({ ann: 'online' });
    cat.leave();
    await clock.advance(2 * graceMs);
    expect(Object.keys(ann.knows())).not.toContain('cat');
    await preferences.set('ben', { sharePresence: true });
    await told();
    expect(ann.knows()['ben']).toBe('online');
  });

  it('follows who joins and leaves a conversation while it is watched', async () => {
    const { gateway, told } = world({ c: ['ann', 'ben'], other: ['ann', 'dan'] });
    const { arrive, move } = gateway();
    const [ann, ben] = [await arrive('ann'), await arrive('ben')];
    await arrive('cat');
    await arrive('dan');
    ann.watch('c', 'other');
    ben.watch('c');
    await told();
    await told();
    move('cat', 'c', true);
    move('dan', 'c', true);
    await told();
    expect(ben.knows()).toEqual({ ann: 'online', ben: 'online', cat: 'online', dan: 'online' });
    move('ben', 'c', false);
    const before = ben.told().length;
    move('cat', 'c', false);
    const cat = await arrive('cat', 'laptop');
    cat.set('away');
    const annAgain = ann.told().length;
    await told();
    expect(ben.told()).toHaveLength(before);
    expect(ann.told()).toHaveLength(annAgain);
    move('ben', 'c', true);
    ann.set('away');
    await told();
    expect(ben.told()).toHaveLength(before);
    ben.watch('c');
    await told();
    await told();
    expect(ben.knows()).toMatchObject({ ann: 'away', ben: 'online' });
  });

  it('lets what happens while the members are read win over what is found', async () => {
    const { gateway, told, view, reads } = world({ c: ['ann', 'ben'] });
    const { arrive, move } = gateway();
    const ann = await arrive('ann');
    for (const userId of ['ben', 'cat']) await arrive(userId);
    let read = () => {};
    view.ready = new Promise((resolve) => (read = resolve));
    ann.watch('c');
    await told();
    expect(reads).toEqual(['c']);
    move('ben', 'c', false);
    move('cat', 'c', true);
    read();
    await told();
    await told();
    expect(ann.knows()).toEqual({ ann: 'online', cat: 'online' });
  });

  it('is told to nobody who is no longer in the conversation, whether they still watch it or not', async () => {
    const { gateway, told } = world({ c: ['ann', 'ben'] });
    const { arrive, rooms } = gateway();
    const [ann, ben] = [await arrive('ann'), await arrive('ben')];
    ann.watch('c');
    await told();
    await told();
    const before = ann.told().length;
    rooms.leave('ann', 'c');
    ben.set('away');
    await told();
    expect(ann.told()).toHaveLength(before);
  });

  it('of sockets whose gateway died ends with its lease', async () => {
    const { gateway, told, clock, live } = world({ c: ['ann', 'ben'] });
    const ann = await gateway().arrive('ann');
    ann.watch('c');
    await live.connect([
      { connectionId: 'x', userId: 'ben', deviceId: 'd', gatewayId: 'dead', state: 'online' },
    ]);
    await told();
    await told();
    expect(ann.knows()['ben']).toBe('online');
    await clock.advance(2 * LEASE_MS + graceMs + turnMs);
    expect(ann.knows()['ben']).toBe('offline');
    expect(ann.knows()['ann']).toBe('online');
  });

  it('connects its sockets anew when its own lease has lapsed', async () => {
    const { gateway, told, clock, live } = world({ c: ['ann'] });
    await gateway().arrive('ann');
    await told();
    clock.pass(2 * LEASE_MS);
    expect((await live.sockets(['ann']))[0]).toEqual([]);
    await clock.advance(LEASE_MS);
    expect((await live.sockets(['ann']))[0]).toHaveLength(1);
  });

  it('of five thousand that come back at once is told in a few frames, the same bytes for all', async () => {
    const people = Array.from({ length: 5_000 }, (_, n) => `p${n}`);
    const groups = Object.fromEntries(
      Array.from({ length: 5 }, (_, g) => [`g${g}`, people.slice(g * 1_000, (g + 1) * 1_000)]),
    );
    const { gateway, told, reads, clock, stored } = world(groups);
    const { arrive, presence } = gateway();
    const all = await Promise.all(people.map((userId) => arrive(userId)));
    for (const [n, one] of all.entries()) one.watch(`g${Math.floor(n / 1_000)}`);
    for (let n = 0; n < 20; n += 1) await told();
    expect(reads).toHaveLength(5);
    for (const one of [all[0], all[999]]) {
      expect(Object.keys(one?.knows() ?? {})).toHaveLength(1_000);
      expect(one?.told().length).toBeLessThanOrEqual(3);
    }
    expect(all[0]?.frames.at(-1)).toBe(all[500]?.frames.at(-1));
    expect(presence.people()).toBe(5_000);
    const before = stored.calls;
    for (const one of all) one.leave();
    await clock.advance(2 * LEASE_MS);
    expect(stored.calls - before).toBe(1);
    expect(presence.size()).toEqual({ watches: 0, people: 0, watching: 0 });
  });

  it('is told in two frames a second at most, however much happens', async () => {
    const { gateway, told, clock } = world({ c: ['ann', 'ben'] });
    const { arrive } = gateway();
    const [ann, ben] = [await arrive('ann'), await arrive('ben')];
    ann.watch('c');
    await told();
    await told();
    const before = ann.told().length;
    for (let n = 0; n < 200; n += 1) {
      ben.set(n % 3 === 0 ? 'online' : 'away');
      ann.watch(...(n % 2 === 0 ? ['c'] : []));
      await clock.advance(20);
    }
    expect(ann.told().length - before).toBeLessThanOrEqual(9);
  });

  it('remembers when people were here last, when the server stops too', async () => {
    const { gateway, told, clock, stored } = world({ c: ['ann', 'ben'] });
    const { arrive, presence } = gateway();
    await arrive('ann');
    const ben = await arrive('ben');
    await told();
    await clock.advance(60_000);
    clock.set(5_000);
    const left = clock.today();
    ben.leave();
    await clock.advance(60_000);
    await presence[Symbol.asyncDispose]();
    expect([...stored.seen]).toEqual([
      ['ann', clock.today()],
      ['ben', left],
    ]);
  });

  it('goes on when the live state and the directory come back', async () => {
    const { gateway, told, clock, live, stored } = world({ c: ['ann', 'ben'] });
    const { arrive, errors } = gateway();
    const ann = await arrive('ann');
    const away = async () => {
      throw new Error('away');
    };
    const { connect, sockets } = { connect: live.connect.bind(live), sockets: live.sockets.bind(live) };
    Object.assign(live, { connect: away, sockets: away });
    ann.watch('c');
    await arrive('ben');
    await told();
    await told();
    expect(ann.told()).toEqual([]);
    expect(errors.length).toBeGreaterThan(0);
    Object.assign(live, { connect, sockets });
    await clock.advance(LEASE_MS + turnMs);
    expect(ann.knows()).toEqual({ ann: 'online', ben: 'online' });
    expect(stored.seen.size).toBe(2);
  });

  it('is what a naive model says, once all is told, whatever happens', async () => {
    const names = ['ann', 'ben', 'cat'];
    const step = fc.oneof(
      fc.record({
        op: fc.constantFrom('arrive', 'leave', 'away', 'online'),
        who: fc.nat(2),
        device: fc.nat(1),
      }),
      fc.record({ op: fc.constantFrom('share', 'hide'), who: fc.nat(2), device: fc.constant(0) }),
      fc.record({ op: fc.constantFrom('join', 'part'), who: fc.nat(2), device: fc.constant(0) }),
      fc.record({ op: fc.constant('wait'), who: fc.integer({ min: 0, max: 6_000 }), device: fc.constant(0) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const { gateway, clock, preferences } = world({ c: [...names, 'eve'] });
        const gateways = [gateway(), gateway()];
        const eve = await gateways[0]?.arrive('eve');
        eve?.watch('c');
        const sockets = new Map<string, Awaited<ReturnType<(typeof gateways)[0]['arrive']>>>();
        const states = new Map<string, string>();
        const hidden = new Set<string>();
        const out = new Set<string>();
        for (const { op, who, device } of steps) {
          const name = names[who] ?? '';
          const key = `${name}/${device}`;
          const socket = sockets.get(key);
          if (op === 'wait') await clock.advance(who);
          else if (op === 'share' || op === 'hide') {
            await preferences.set(name, { sharePresence: op === 'share' });
            hidden[op === 'hide' ? 'add' : 'delete'](name);
          } else if (op === 'join' || op === 'part') {
            if (out.has(name) === (op === 'part')) continue;
            for (const each of gateways) each.move(name, 'c', op === 'join');
            out[op === 'part' ? 'add' : 'delete'](name);
          } else if (op === 'arrive') {
            if (socket) continue;
            const arrived = await gateways[device]?.arrive(name, `d${device}`);
            if (arrived) sockets.set(key, arrived);
            states.set(key, 'online');
          } else if (op === 'leave') {
            socket?.leave();
            sockets.delete(key);
            states.delete(key);
          } else if (socket) {
            socket.set(op);
            states.set(key, op);
          }
        }
        await clock.advance(graceMs + 3 * turnMs);
        const knows = eve?.knows() ?? {};
        for (const name of names.filter((one) => !out.has(one))) {
          const of = [...states].filter(([key]) => key.startsWith(`${name}/`)).map(([, state]) => state);
          const expected =
            hidden.has(name) || of.length === 0 ? 'offline' : of.includes('online') ? 'online' : 'away';
          expect([name, knows[name] ?? 'offline']).toEqual([name, expected]);
        }
      }),
      { numRuns: 100 },
    );
  });
});
