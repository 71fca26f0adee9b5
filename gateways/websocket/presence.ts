import { setImmediate } from 'node:timers/promises';
import type { PreferencesOf } from '../../commands/preferences.ts';
import type { ConversationId, UserId } from '../../domain/id.ts';
import { type LiveState, presenceOf } from '../../domain/ports/live-state.ts';
import type { Presence as Told } from '../protocol.ts';
import { Frame } from './frame.ts';
import { BEAT_MS, type HereDeps, channelOf, createHere, personOf } from './here.ts';
import type { Rooms, Seat } from './rooms.ts';
import { createTurns } from './turns.ts';
import { type Person, type Watch, createWatches } from './watches.ts';

export const presenceLimits = {
  /** What happens is gathered for so long; the first of it after a quiet time is told at once. */
  turnMs: 500,
  /** Who has gone is not missed for so long: a page is loaded again, a train leaves the tunnel. */
  graceMs: 10_000,
  /** A turn waits so long for the members of conversations that somebody begins to watch; then they come with the next. */
  readMs: 100,
  /** In conversations of up to so many members, watchers are also told when those who are offline were here last. */
  lastSeenMembers: 32,
  /** Everybody who is watched is looked up again every so many beats: a gateway may die without a word. */
  beatsPerCheck: 3,
  /** Preferences that are read without letting others have a turn. */
  preferences: 200,
} as const;

export type PresenceDeps = HereDeps & {
  readonly live: LiveState;
  readonly rooms: Pick<Rooms, 'in' | 'of'>;
  readonly preferences: Pick<PreferencesOf, 'of' | 'onChange'>;
  /** Of a conversation, from a view that holds everything delivered so far. */
  readonly members: (conversationId: ConversationId) => Promise<readonly UserId[]>;
  /** Frames handed to sockets. */
  readonly observe?: (frames: number) => void;
};

/**
 * Who is here, for those who share a conversation with them and watch it. It goes in turns: what has changed here is
 * brought to the live state; whoever may have changed, here or elsewhere, is looked up there; then each watched
 * conversation is told in one frame, and those who have just begun to watch get all of it in another.
 */
export const createPresence = (deps: PresenceDeps) => {
  const { live, rooms, preferences, clock, onError, observe = () => undefined } = deps;
  const here = createHere(deps);
  const dirty = new Set<Person>();
  // Of whom no socket is left, the first one first.
  const going = new Set<Person>();

  const watches = createWatches({
    rooms,
    members: deps.members,
    follow: async ({ userId }) => live.subscribe(channelOf(userId), hear),
    onEnrolled: (person) => lookAt(person),
    onForgotten(person) {
      dirty.delete(person);
      going.delete(person);
    },
    onError,
  });

  const turn = async () => {
    await here.flush().catch(onError);
    watches.attend();
    const reading = watches.reading();
    if (reading) await Promise.race([reading, soon()]);
    const newcomers = watches.newcomers();
    const changed = await lookUp();
    const lastSeen = await lastSeenFor(newcomers.keys());
    tell(changed);
    greet(newcomers, lastSeen);
    const [next] = going;
    if (next?.wentAt !== undefined) turns.wake(next.wentAt + presenceLimits.graceMs);
  };
  const turns = createTurns(clock, presenceLimits.turnMs, turn, onError);

  const soon = () => new Promise<void>((resolve) => clock.after(presenceLimits.readMs, resolve));
  const lookAt = (person: Person) => {
    dirty.add(person);
    turns.wake();
  };
  const hear = (_: unknown, channel: string) => {
    const person = watches.person(personOf(channel));
    if (person) lookAt(person);
  };
  const stopHearing = preferences.onChange((userId, { sharePresence }) => {
    const person = watches.person(userId);
    if (person) person.hidden = !sharePresence;
    void (async () => live.publish(channelOf(userId), null))().catch(onError);
  });

  /** Gives those who are to be shown otherwise than before. */
  const lookUp = async (): Promise<readonly Person[]> => {
    const now = clock.now();
    for (const person of going) {
      if (person.wentAt !== undefined && now < person.wentAt + presenceLimits.graceMs) break;
      dirty.add(person);
    }
    const asked = [...dirty];
    dirty.clear();
    try {
      const sockets = asked.length > 0 ? await live.sockets(asked.map(({ userId }) => userId)) : [];
      for (const [n, person] of asked.entries()) place(person, presenceOf(sockets[n] ?? []), now);
    } catch (error) {
      for (const person of asked) dirty.add(person);
      throw error;
    }
    await lookUpWishes(asked.filter((person) => person.state !== 'offline' || isNear(person)));
    const changed = asked.filter((person) => shown(person) !== person.told);
    for (const person of changed) person.told = shown(person);
    return changed;
  };

  const place = (person: Person, state: Person['state'], now: number) => {
    if (state !== 'offline') person.wentAt = undefined;
    else if (person.state !== 'offline') {
      person.wentAt ??= now;
      going.add(person);
      if (now < person.wentAt + presenceLimits.graceMs) return;
    }
    person.state = state;
    going.delete(person);
  };

  /** Whose wishes can't be known now stays as they were; of somebody new nothing is shown. */
  const lookUpWishes = async (people: readonly Person[]) => {
    let read = 0;
    for (const person of people) {
      try {
        const answer = preferences.of(person.userId);
        const { sharePresence } = answer instanceof Promise ? await answer : answer;
        person.hidden = !sharePresence;
        if (answer instanceof Promise) read += 1;
      } catch (error) {
        onError(error);
      }
      if (read >= presenceLimits.preferences) {
        read = 0;
        await setImmediate();
      }
    }
  };

  const lastSeenFor = async (begun: Iterable<Watch>): Promise<ReadonlyMap<UserId, number>> => {
    const offline = new Set<UserId>();
    for (const watch of begun) {
      if (watch.members.size > presenceLimits.lastSeenMembers) continue;
      for (const person of watch.members.values())
        if (shown(person) === 'offline') offline.add(person.userId);
    }
    const unknown = (error: unknown) => {
      onError(error);
      return new Map<UserId, number>();
    };
    return offline.size > 0 ? here.lastSeen([...offline]).catch(unknown) : new Map();
  };

  const tell = (changed: readonly Person[]) => {
    const news = new Map<Watch, Set<Person>>();
    for (const [watch, people] of watches.takeAppeared())
      news.set(watch, new Set([...people].filter((person) => shown(person) !== 'offline')));
    for (const person of changed)
      for (const watch of person.watches) news.set(watch, (news.get(watch) ?? new Set()).add(person));
    for (const [watch, people] of news) {
      const knowing = [...watch.watchers].filter((seat) => !watch.newcomers.has(seat));
      send(
        watch,
        [...people].map((person) => entry(person, person.wentAt)),
        knowing,
      );
    }
  };

  const greet = (newcomers: ReadonlyMap<Watch, ReadonlySet<Seat>>, lastSeen: ReadonlyMap<UserId, number>) => {
    for (const [watch, seats] of newcomers) {
      const people = [...watch.members.values()].map((person) => entry(person, lastSeen.get(person.userId)));
      const known = people.filter(({ state, lastSeenAt }) => state !== 'offline' || lastSeenAt !== undefined);
      send(watch, known, seats);
    }
    watches.greeted(newcomers);
  };

  const send = ({ conversationId }: Watch, people: Told[], seats: Iterable<Seat>) => {
    if (people.length === 0) return;
    const frame = new Frame({ type: 'presence', people });
    const room = rooms.in(conversationId);
    let frames = 0;
    for (const seat of seats) {
      if (!room.has(seat)) continue;
      seat.send(frame);
      frames += 1;
    }
    observe(frames);
  };

  let beats = 0;
  const beat = async () => {
    beats += 1;
    if (beats % presenceLimits.beatsPerCheck === 0) {
      watches.tidy();
      for (const person of watches.people()) lookAt(person);
    }
    if (await here.beat()) turns.wake();
  };
  const beatOn = () => {
    void beat().catch(onError);
    stopBeating = clock.after(BEAT_MS, beatOn);
  };
  let stopBeating = clock.after(BEAT_MS, beatOn);

  return {
    /** A socket has taken its seat. */
    arrive(seat: Seat): void {
      here.arrive(seat);
      turns.wake();
    },

    /** Whether the person is at it. */
    set(seat: Seat, state: 'online' | 'away'): void {
      here.set(seat, state);
      turns.wake();
    },

    /** The conversations of whose members it is told from now on, instead of those before. */
    watch(seat: Seat, conversationIds: readonly ConversationId[]): void {
      if (!here.has(seat)) return;
      watches.wish(seat, conversationIds);
      turns.wake();
    },

    leave(seat: Seat): void {
      here.leave(seat);
      watches.leave(seat);
      turns.wake();
    },

    /** By the log, somebody has joined or left. */
    moved(conversationId: ConversationId, userId: UserId, joined: boolean): void {
      watches.moved(conversationId, userId, joined);
    },

    /** How many people have a socket here. */
    people: here.people,

    /** What it holds, for tests of its bounds. */
    size: watches.size,

    async [Symbol.asyncDispose](): Promise<void> {
      stopBeating();
      stopHearing();
      await turns.end();
      await here.end();
    },
  };
};

const isNear = ({ watches }: Person): boolean =>
  [...watches].some(({ members }) => members.size <= presenceLimits.lastSeenMembers);

const shown = ({ hidden, state }: Person): Person['state'] => (hidden ? 'offline' : state);

const entry = (person: Person, lastSeenAt: number | undefined): Told => {
  const state = shown(person);
  const telling = state === 'offline' && !person.hidden && lastSeenAt !== undefined;
  return { userId: person.userId, state, ...(telling && { lastSeenAt }) };
};
