import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryLiveState } from '../../infra/live-state/memory.ts';
import { createTestClock } from '../../infra/testing/clock.ts';
import type { Frame } from './frame.ts';
import { type Seat, createRooms } from './rooms.ts';
import { createTyping, typingLimits } from './typing.ts';

type Told = { readonly at: number; readonly on: readonly string[]; readonly off: readonly string[] };

/** Gateways over one live state. */
const world = () => {
  const clock = createTestClock();
  const live = new MemoryLiveState({ now: clock.now });
  const gateway = () => {
    const rooms = createRooms();
    const errors: unknown[] = [];
    const typing = createTyping({ live, rooms, clock, onError: (error) => errors.push(error) });
    const arrive = async (userId: string, conversations: readonly string[] = ['c'], deviceId = 'd') => {
      const told: Told[] = [];
      const frames: Frame[] = [];
      const seat: Seat = {
        userId,
        deviceId,
        send(frame) {
          const { value } = frame;
          frames.push(frame);
          if (value.type === 'typing') told.push({ at: clock.now(), on: value.on, off: value.off });
        },
      };
      await rooms.seat(seat, async () => conversations);
      return {
        seat,
        told,
        frames,
        say: (on: boolean, conversationId = 'c') => typing.say(seat, conversationId, on),
        leave: () => {
          typing.leave(seat);
          rooms.remove(seat);
        },
      };
    };
    return { rooms, typing, arrive, errors };
  };
  return { clock, live, gateway };
};

/** Who is shown as writing to somebody who was told this, by the rules of the protocol. */
const shown = (told: readonly Told[], now: number): string[] => {
  const until = new Map<string, number>();
  for (const { at, on, off } of told) {
    for (const userId of on) until.set(userId, at + typingLimits.expiryMs);
    for (const userId of off) until.delete(userId);
  }
  return [...until].filter(([, at]) => at > now).map(([userId]) => userId);
};

describe('typing', () => {
  it('is told to the whole room at once, in one frame that all share', async () => {
    const { gateway } = world();
    const { arrive } = gateway();
    const [ann, ben, cat] = [await arrive('ann'), await arrive('ben'), await arrive('cat', ['other'])];
    ann.say(true);
    expect(ben.told).toMatchObject([{ on: ['ann'], off: [] }]);
    ann.say(false);
    ben.say(true);
    expect(ben.frames[0]).toBe(ann.frames[0]);
    expect(cat.told).toEqual([]);
  });

  it('is heard in other gateways, and only by the rooms it is for', async () => {
    const { gateway, live } = world();
    const [here, there] = [gateway(), gateway()];
    const [ann, ben] = [await here.arrive('ann'), await there.arrive('ben')];
    const cat = await there.arrive('cat', ['other']);
    ann.say(true);
    expect([ben.told.length, cat.told.length]).toEqual([1, 0]);
    expect(live.size.channels).toBe(2);
    for (const one of [ann, ben, cat]) one.leave();
    await Promise.resolve();
    expect(live.size.channels).toBe(0);
  });

  it('is not told again so soon, and again in time for nobody to think it is over', async () => {
    const { gateway, clock } = world();
    const { arrive } = gateway();
    const [ann, ben] = [await arrive('ann'), await arrive('ben')];
    for (let second = 0; second < 20; second += 1) {
      ann.say(true);
      await clock.advance(1_000);
      expect(shown(ben.told, clock.now())).toEqual(['ann']);
    }
    expect(ben.told.length).toBeLessThanOrEqual(10);
  });

  it('is over after six seconds without a word, and the server says so', async () => {
    const { gateway, clock } = world();
    const { arrive, typing } = gateway();
    const [ann, ben] = [await arrive('ann'), await arrive('ben')];
    ann.say(true);
    await clock.advance(typingLimits.expiryMs + 1_000 + typingLimits.patienceMs);
    expect(ben.told.at(-1)).toMatchObject({ on: [], off: ['ann'] });
    await clock.advance(2_000);
    expect(typing.size().talks).toBe(0);
    expect(clock.waiting()).toBe(0);
  });

  it('is over when the socket goes, unless the person writes on another one', async () => {
    const { gateway, clock } = world();
    const { arrive } = gateway();
    const [phone, laptop, ben] = [
      await arrive('ann', ['c'], 'phone'),
      await arrive('ann', ['c'], 'laptop'),
      await arrive('ben'),
    ];
    phone.say(true);
    laptop.say(true);
    phone.leave();
    await clock.advance(typingLimits.gapMs);
    expect(ben.told).toMatchObject([{ on: ['ann'] }]);
    laptop.leave();
    await clock.advance(typingLimits.gapMs);
    expect(ben.told).toMatchObject([{ on: ['ann'] }, { off: ['ann'] }]);
  });

  it('that stops without having begun is not told', async () => {
    const { gateway } = world();
    const { arrive } = gateway();
    const [ann, ben] = [await arrive('ann'), await arrive('ben')];
    ann.say(false);
    expect(ben.told).toEqual([]);
  });

  it('of a hundred at once in a room of a thousand costs ten frames a second, and a crowd waits for 15 ms', async () => {
    const { gateway, clock } = world();
    const { arrive } = gateway();
    const people = await Promise.all(Array.from({ length: 1_000 }, (_, n) => arrive(`p${n}`)));
    const writers = people.slice(0, 100);
    const witness = people[999];
    const started = clock.now();
    for (const each of writers) each.say(true);
    await clock.advance(typingLimits.gapMs);
    expect(witness && shown(witness.told, clock.now())).toHaveLength(100);
    for (let step = 0; step < 100; step += 1) {
      for (const [n, each] of writers.entries()) if ((n + step) % 30 === 0) each.say(true);
      await clock.advance(100);
      expect(witness && shown(witness.told, clock.now())).toHaveLength(100);
    }
    const seconds = (clock.now() - started) / 1000;
    expect(witness?.told.length).toBeLessThanOrEqual(10 * seconds);
  });

  it('of people who start and stop all the time is bounded too', async () => {
    const { gateway, clock } = world();
    const { arrive } = gateway();
    const people = await Promise.all(Array.from({ length: 50 }, (_, n) => arrive(`p${n}`)));
    const started = clock.now();
    for (let step = 0; step < 500; step += 1) {
      for (const each of people) each.say(step % 2 === 0);
      await clock.advance(20);
    }
    expect(people[0]?.told.length).toBeLessThanOrEqual((10 * (clock.now() - started)) / 1000);
  });

  it('of more people than are kept, and in more conversations than one socket writes in, is dropped', async () => {
    const { gateway, clock } = world();
    const { arrive, typing } = gateway();
    const conversations = Array.from({ length: 100 }, (_, n) => `c${n}`);
    const ann = await arrive('ann', conversations);
    for (const conversation of conversations) {
      ann.say(true, conversation);
      await clock.advance(100);
    }
    ann.leave();
    expect(typing.size()).toEqual({ talks: 0, speakers: 0, rooms: 0 });
    const crowd = await Promise.all(Array.from({ length: 1_100 }, (_, n) => arrive(`p${n}`)));
    for (const each of crowd) each.say(true);
    await clock.advance(1_000);
    expect(shown(crowd[0]?.told ?? [], clock.now())).toHaveLength(typingLimits.writers);
  });

  it('goes on when the live state is away, without a word of it', async () => {
    const { gateway, live } = world();
    const { arrive, errors } = gateway();
    const ann = await arrive('ann');
    await live[Symbol.asyncDispose]();
    ann.say(true);
    expect(ann.told).toEqual([]);
    expect(errors).toHaveLength(1);
  });

  it('shows everybody, in every gateway, who writes, whatever they do and whenever', async () => {
    const step = fc.oneof(
      fc.record({ who: fc.nat(3), on: fc.boolean() }),
      fc.record({ waitMs: fc.integer({ min: 1, max: 4_000 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { gateway, clock } = world();
        const gateways = [gateway(), gateway()];
        const people = await Promise.all(
          ['ann', 'ben', 'cat', 'dan'].map(async (name, n) => ({
            name,
            ...((await gateways[n % 2]?.arrive(name)) ?? (await gateway().arrive(name))),
          })),
        );
        // Since when each has been writing, and when they last said so.
        const writing = new Map<string, { since: number; said: number }>();
        for (const taken of steps) {
          if ('waitMs' in taken) await clock.advance(taken.waitMs);
          else {
            const person = people[taken.who];
            person?.say(taken.on);
            const { name = '' } = person ?? {};
            const before = writing.get(name);
            const since = before && clock.now() - before.said < 3_000 ? before.since : clock.now();
            if (taken.on) writing.set(name, { since, said: clock.now() });
            else writing.delete(name);
          }
          const now = clock.now();
          const quiet = 1_000;
          const surely = [...writing].filter(
            ([, { since, said }]) => now - since > quiet && now - said < 3_000,
          );
          const seen = people.map(({ told }) => shown(told, now));
          for (const list of seen) expect(list).toEqual(expect.arrayContaining(surely.map(([name]) => name)));
        }
        await clock.advance(typingLimits.expiryMs + 2_000);
        for (const { told } of people) expect(shown(told, clock.now())).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });
});
