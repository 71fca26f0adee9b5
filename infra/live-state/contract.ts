import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type LiveSocket,
  type LiveState,
  LiveStateUnavailable,
  presenceOf,
} from '../../domain/ports/live-state.ts';
import type { Rate } from '../../domain/rate.ts';

/**
 * Live state for one test. `peer` is what another gateway sees of the same. `advance` lets time pass (where the product has a
 * clock of its own: waits), `leaseMs` is how long a lease holds. `cleanup` runs after the disposal.
 */
export type Opened = {
  readonly live: LiveState;
  readonly peer: LiveState;
  readonly leaseMs: number;
  advance(ms: number): Promise<void>;
  cleanup?(): Promise<void>;
};

let count = 0;
const fresh = (what: string) => `${what}-${process.pid}-${(count += 1)}`;

/** Every adapter of the live state passes this. Names are new in each case: what others left is in nobody's way. */
export const liveStateContract = (name: string, open: () => Promise<Opened>): void => {
  describe(`${name} as live state`, () => {
    let opened: Opened;
    let live: LiveState;
    let peer: LiveState;
    beforeEach(async () => {
      opened = await open();
      ({ live, peer } = opened);
    });
    afterEach(async () => {
      await live[Symbol.asyncDispose]();
      await peer[Symbol.asyncDispose]();
      await opened.cleanup?.();
    });

    const socket = (given: Partial<LiveSocket> = {}): LiveSocket => ({
      connectionId: fresh('connection'),
      userId: fresh('person'),
      deviceId: 'phone',
      gatewayId: fresh('gateway'),
      state: 'online',
      ...given,
    });
    const of = async (userId: string, from = live) => {
      const [sockets = []] = await from.sockets([userId]);
      return sockets.toSorted((a, b) => (a.connectionId < b.connectionId ? -1 : 1));
    };

    it('LS1 shows sockets from their connect to their disconnect, to every gateway', async () => {
      const userId = fresh('person');
      const [phone, laptop] = [socket({ userId }), socket({ userId, deviceId: 'laptop', state: 'away' })];
      await live.connect([phone, laptop]);
      expect(await of(userId)).toEqual([phone, laptop]);
      expect(await of(userId, peer)).toEqual([phone, laptop]);
      await live.disconnect([phone]);
      expect(await of(userId, peer)).toEqual([laptop]);
      await live.disconnect([laptop]);
      expect(await of(userId, peer)).toEqual([]);
    });

    it('LS1 answers in the order of the people, with none for whoever has none', async () => {
      const [a, b] = [socket(), socket()];
      await live.connect([a, b]);
      expect(await live.sockets([b.userId, 'nobody', a.userId, b.userId])).toEqual([[b], [], [a], [b]]);
      expect(await live.sockets([])).toEqual([]);
    });

    it('LS2 replaces a socket that connects again, and takes no notice of the end of one that is not there', async () => {
      const mine = socket();
      await live.connect([mine]);
      await live.connect([{ ...mine, state: 'away' }]);
      expect(await of(mine.userId)).toEqual([{ ...mine, state: 'away' }]);
      await live.disconnect([socket({ userId: mine.userId }), socket()]);
      expect(await of(mine.userId)).toHaveLength(1);
    });

    it('LS3 lets the sockets of a gateway go with its lease, and keeps those of one that refreshes it', async () => {
      const userId = fresh('person');
      const [dead, alive] = [socket({ userId }), socket({ userId })];
      await live.connect([dead, alive]);
      await opened.advance(0.6 * opened.leaseMs);
      expect(await peer.refresh(alive.gatewayId)).toBe(true);
      expect(await of(userId)).toHaveLength(2);
      await opened.advance(0.6 * opened.leaseMs);
      expect(await of(userId)).toEqual([alive]);
      await opened.advance(opened.leaseMs);
      expect(await of(userId)).toEqual([]);
    });

    it('LS3 renews the lease by connecting somebody', async () => {
      const first = socket();
      await live.connect([first]);
      await opened.advance(0.6 * opened.leaseMs);
      await live.connect([socket({ gatewayId: first.gatewayId })]);
      await opened.advance(0.6 * opened.leaseMs);
      expect(await of(first.userId)).toEqual([first]);
    });

    it('LS4 says when a lease has lapsed, and takes the sockets that connect anew', async () => {
      const mine = socket();
      expect(await live.refresh(mine.gatewayId)).toBe(false);
      expect(await live.refresh(mine.gatewayId)).toBe(true);
      await live.connect([mine]);
      await opened.advance(1.2 * opened.leaseMs);
      expect(await live.refresh(mine.gatewayId)).toBe(false);
      await live.connect([mine]);
      expect(await of(mine.userId, peer)).toEqual([mine]);
    });

    it('LS1 LS2 LS3 shows what a naive model shows, whatever happens', async () => {
      const step = fc.oneof(
        fc.record({ op: fc.constant('connect'), n: fc.nat(5), away: fc.boolean() }),
        fc.record({ op: fc.constant('disconnect'), n: fc.nat(5) }),
        fc.record({ op: fc.constant('refresh'), gateway: fc.nat(1) }),
        fc.record({ op: fc.constant('wait') }),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          const people = [fresh('person'), fresh('person')];
          const gateways = [fresh('gateway'), fresh('gateway')];
          const all = Array.from({ length: 6 }, (_, n) =>
            socket({ userId: people[n % 2] ?? '', gatewayId: gateways[n < 3 ? 0 : 1] ?? '' }),
          );
          // Gateways whose lease lapses connect anew, as they must: the model forgets their sockets for good.
          const shown = new Map<LiveSocket, LiveSocket['state']>();
          const leases = new Map<string, number>();
          const held: [boolean, boolean][] = [];
          let time = 0;
          const expire = () => {
            for (const one of shown.keys()) if ((leases.get(one.gatewayId) ?? 0) <= time) shown.delete(one);
          };
          for (const taken of steps) {
            if ('n' in taken) {
              const one = all[taken.n] ?? socket();
              if ('away' in taken) {
                const state = taken.away ? 'away' : 'online';
                await live.connect([{ ...one, state }]);
                shown.set(one, state);
                leases.set(one.gatewayId, time + 10);
              } else {
                await live.disconnect([one]);
                shown.delete(one);
              }
            } else if ('gateway' in taken) {
              const gatewayId = gateways[taken.gateway] ?? '';
              held.push([await live.refresh(gatewayId), (leases.get(gatewayId) ?? 0) > time]);
              leases.set(gatewayId, time + 10);
            } else {
              await opened.advance(0.4 * opened.leaseMs);
              time += 4;
              expire();
            }
            const states = (await peer.sockets(people)).map(presenceOf);
            const expected = people.map((userId) =>
              presenceOf(
                [...shown]
                  .filter(([one]) => one.userId === userId)
                  .map(([one, state]) => ({ ...one, state })),
              ),
            );
            expect(states).toEqual(expected);
            expect(held.map(([answer]) => answer)).toEqual(held.map(([, expectation]) => expectation));
          }
        }),
        { numRuns: opened.leaseMs > 1000 ? 100 : 10 },
      );
    });

    it('LS5 carries what is published to all who listen, in every gateway, in order, and to nobody else', async () => {
      const [channel, other] = [fresh('channel'), fresh('channel')];
      const heard: unknown[][] = [[], [], []];
      const listening = [live, peer, peer].map((from, n) =>
        from.subscribe(n === 2 ? other : channel, (message, on) => heard[n]?.push([on, message])),
      );
      await live.publish(channel, 'too early for some');
      await Promise.all(listening);
      const messages = ['end', 1, { deep: [null, true, 'é'] }, 'over'];
      for (const message of messages) await live.publish(channel, message);
      await live.publish(other, 'over');
      await until(() => heard.every((list) => list.some(isOver)));
      const expected = messages.map((message) => [channel, message]);
      expect(heard[0]?.slice(-4)).toEqual(expected);
      expect(heard[1]?.slice(-4)).toEqual(expected);
      expect(heard[2]).toEqual([[other, 'over']]);
    });

    it('LS5 lets nobody suffer from a listener that throws', async () => {
      const channel = fresh('channel');
      const heard: unknown[] = [];
      await live.subscribe(channel, () => {
        throw new Error('mine');
      });
      await live.subscribe(channel, (message) => heard.push(message));
      await live.publish(channel, 1);
      await live.publish(channel, 2);
      await until(() => heard.length === 2);
      expect(heard).toEqual([1, 2]);
    });

    it('LS6 tells nothing to whoever has stopped listening, and goes on telling the others', async () => {
      const channel = fresh('channel');
      const heard: string[] = [];
      const stops = await Promise.all(
        ['a', 'b', 'a again'].map((who) => live.subscribe(channel, () => heard.push(who))),
      );
      await live.publish(channel, 1);
      await until(() => heard.length === 3);
      stops[0]?.();
      stops[0]?.();
      await live.publish(channel, 2);
      await until(() => heard.length === 5);
      expect(heard.toSorted()).toEqual(['a', 'a again', 'a again', 'b', 'b']);
    });

    it('LS7 gives what is in the bucket and then says exactly how long to wait', async () => {
      const bucket = fresh('bucket');
      const rate: Rate = { perSecond: 4, burst: 3 };
      for (let n = 0; n < 3; n += 1) expect(await live.take(bucket, rate)).toBe(0);
      const wait = await peer.take(bucket, rate);
      expect(wait).toBeGreaterThan(0);
      expect(wait).toBeLessThanOrEqual(250);
      expect(Number.isInteger(wait)).toBe(true);
      await opened.advance(wait);
      expect(await live.take(bucket, rate)).toBe(0);
      expect(await live.take(bucket, rate)).toBeGreaterThan(0);
      expect(await live.take(fresh('bucket'), rate)).toBe(0);
    });

    it('LS7 never lets more through than the burst and what time allows, and no less to whoever waits as told', async () => {
      const rates = fc.record({
        perSecond: fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.double({ min: 0.1, max: 50, noNaN: true })),
        burst: fc.integer({ min: 1, max: 50 }),
      });
      const pauses = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3000 })), {
        maxLength: 120,
      });
      await fc.assert(
        fc.asyncProperty(rates, pauses, async (rate, steps) => {
          const bucket = fresh('bucket');
          let [time, through, free] = [0, 0, Infinity];
          for (const ms of steps) {
            await opened.advance(ms);
            time += ms;
            const wait = await live.take(bucket, rate);
            expect(time >= free && wait > 0).toBe(false);
            if (wait === 0) through += 1;
            free = wait === 0 ? Infinity : time + wait;
            expect(through).toBeLessThanOrEqual(rate.burst + (rate.perSecond * time) / 1000 + 1e-6);
          }
        }),
        { numRuns: opened.leaseMs > 1000 ? 100 : 3 },
      );
    });

    it('LS8 a bucket that has rested is as good as new', async () => {
      const bucket = fresh('bucket');
      const rate: Rate = { perSecond: 50, burst: 5 };
      for (let round = 0; round < 3; round += 1) {
        for (let n = 0; n < 5; n += 1) expect(await live.take(bucket, rate)).toBe(0);
        await opened.advance(200);
      }
    });

    it('LS10 is unavailable once it is closed', async () => {
      await live[Symbol.asyncDispose]();
      const asked = [
        async () => live.connect([]),
        async () => live.disconnect([]),
        async () => live.refresh('g'),
        async () => live.sockets([]),
        async () => live.publish('c', null),
        async () => live.subscribe('c', () => undefined),
        async () => live.take('b', { perSecond: 1, burst: 1 }),
      ];
      for (const ask of asked) await expect(ask()).rejects.toThrow(LiveStateUnavailable);
    });
  });
};

const isOver = (heard: unknown) => Array.isArray(heard) && heard[1] === 'over';

/** Messages may take a moment on their way. */
const until = async (there: () => boolean) => {
  const patience = AbortSignal.timeout(5_000);
  while (!there()) {
    if (patience.aborted) throw new Error('nothing came in time');
    await new Promise(setImmediate);
  }
};
