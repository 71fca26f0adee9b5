import type { ConversationId, UserId } from '../../domain/id.ts';
import type { Rooms, Seat } from './rooms.ts';

/** Conversations that nobody watches any more are kept for a while, so many at most: whoever comes back reads no members. */
const IDLE = 200;

/** Somebody in a conversation that is watched. */
export type Person = {
  readonly userId: UserId;
  readonly watches: Set<Watch>;
  /** What watchers are to see, and saw last. */
  state: 'online' | 'away' | 'offline';
  told: 'online' | 'away' | 'offline';
  /** They don't want to be shown, or it is not known yet that they do. */
  hidden: boolean;
  /** Since when none of their sockets has been there. */
  wentAt: number | undefined;
};

export type Watch = {
  readonly conversationId: ConversationId;
  readonly members: Map<UserId, Person>;
  readonly watchers: Set<Seat>;
  /** Watchers who have been told nothing yet. */
  readonly newcomers: Set<Seat>;
  /** What happens while its members are read is newer than what is found, and wins. */
  moves: Map<UserId, boolean> | undefined;
};

/** Who watches whom: sockets watch conversations, and so the people in them. */
export const createWatches = (deps: {
  rooms: Pick<Rooms, 'of'>;
  members: (conversationId: ConversationId) => Promise<readonly UserId[]>;
  /** Called for each person when somebody begins to watch them; its answer is called when nobody does any more. */
  follow: (person: Person) => Promise<() => void>;
  onEnrolled: (person: Person) => void;
  onForgotten: (person: Person) => void;
  onError: (error: unknown) => void;
}) => {
  const { rooms, onError } = deps;
  const watches = new Map<ConversationId, Watch>();
  const people = new Map<UserId, Person>();
  const following = new Map<Person, Promise<void | (() => void)>>();
  const watching = new Map<Seat, Set<Watch>>();
  const wishes = new Map<Seat, readonly ConversationId[]>();
  const idle = new Set<Watch>();
  // Those with newcomers, and who has become a member of which.
  const greeting = new Set<Watch>();
  const appeared = new Map<Watch, Set<Person>>();
  // Members are read one conversation after the other, so that many wishes at once hold up nothing else.
  let reading: Promise<void> = Promise.resolve();
  let unread = 0;

  const enrol = (watch: Watch, userId: UserId) => {
    let person = people.get(userId);
    if (!person) {
      person = {
        userId,
        watches: new Set(),
        state: 'offline',
        told: 'offline',
        hidden: true,
        wentAt: undefined,
      };
      people.set(userId, person);
      following.set(person, deps.follow(person).catch(onError));
    }
    person.watches.add(watch);
    watch.members.set(userId, person);
    deps.onEnrolled(person);
  };

  const dismiss = (watch: Watch, person: Person) => {
    watch.members.delete(person.userId);
    appeared.get(watch)?.delete(person);
    person.watches.delete(watch);
    if (person.watches.size > 0) return;
    people.delete(person.userId);
    void following.get(person)?.then((stop) => stop?.());
    following.delete(person);
    deps.onForgotten(person);
  };

  const begin = (conversationId: ConversationId): Watch => {
    const watch: Watch = {
      conversationId,
      members: new Map(),
      watchers: new Set(),
      newcomers: new Set(),
      moves: new Map(),
    };
    watches.set(conversationId, watch);
    unread += 1;
    reading = reading.then(() => read(watch)).then(() => void (unread -= 1));
    return watch;
  };

  const read = async (watch: Watch) => {
    const { conversationId } = watch;
    if (watches.get(conversationId) !== watch) return;
    try {
      const found = await deps.members(conversationId);
      if (watches.get(conversationId) !== watch) return;
      const moves = watch.moves ?? new Map<UserId, boolean>();
      watch.moves = undefined;
      for (const userId of found) if (moves.get(userId) !== false) enrol(watch, userId);
      for (const [userId, joined] of moves) if (joined && !watch.members.has(userId)) enrol(watch, userId);
    } catch (error) {
      onError(error);
      end(watch);
    }
  };

  const end = (watch: Watch) => {
    watches.delete(watch.conversationId);
    idle.delete(watch);
    greeting.delete(watch);
    appeared.delete(watch);
    for (const seat of watch.watchers) watching.get(seat)?.delete(watch);
    for (const person of watch.members.values()) dismiss(watch, person);
  };

  const stop = (seat: Seat, watch: Watch) => {
    watching.get(seat)?.delete(watch);
    watch.watchers.delete(seat);
    watch.newcomers.delete(seat);
    if (watch.watchers.size > 0) return;
    idle.add(watch);
    const [oldest] = idle;
    if (oldest && idle.size > IDLE) end(oldest);
  };

  return {
    person: (userId: UserId): Person | undefined => people.get(userId),
    people: (): Iterable<Person> => people.values(),

    wish: (seat: Seat, conversationIds: readonly ConversationId[]) => void wishes.set(seat, conversationIds),

    /** From now on each socket watches those of the conversations it wished for that it is in. */
    attend() {
      for (const [seat, conversationIds] of wishes) {
        const allowed = rooms.of(seat);
        const wanted = new Set(conversationIds.filter((conversationId) => allowed.has(conversationId)));
        const mine = watching.get(seat) ?? new Set<Watch>();
        watching.set(seat, mine);
        for (const watch of mine) if (!wanted.has(watch.conversationId)) stop(seat, watch);
        for (const conversationId of wanted) {
          const watch = watches.get(conversationId) ?? begin(conversationId);
          if (watch.watchers.has(seat)) continue;
          mine.add(watch);
          idle.delete(watch);
          watch.watchers.add(seat);
          watch.newcomers.add(seat);
          greeting.add(watch);
        }
      }
      wishes.clear();
    },

    /** Undefined when the members of all that is watched are known; else it resolves when they are. */
    reading: () => (unread > 0 ? reading : undefined),

    leave(seat: Seat) {
      wishes.delete(seat);
      for (const watch of watching.get(seat) ?? []) stop(seat, watch);
      watching.delete(seat);
    },

    moved(conversationId: ConversationId, userId: UserId, joined: boolean) {
      const watch = watches.get(conversationId);
      if (!watch) return;
      if (watch.moves) watch.moves.set(userId, joined);
      else if (joined && !watch.members.has(userId)) {
        enrol(watch, userId);
        const person = people.get(userId);
        if (person) appeared.set(watch, (appeared.get(watch) ?? new Set()).add(person));
      }
      const person = watch.members.get(userId);
      if (joined) return;
      if (person) dismiss(watch, person);
      for (const seat of watch.watchers) if (seat.userId === userId) stop(seat, watch);
    },

    /** Those who have been told nothing yet, of conversations whose members are known. */
    newcomers(): ReadonlyMap<Watch, ReadonlySet<Seat>> {
      const ready = [...greeting].filter(({ moves }) => !moves);
      return new Map(ready.map((watch) => [watch, new Set(watch.newcomers)]));
    },

    /** They have been told. */
    greeted(newcomers: ReadonlyMap<Watch, ReadonlySet<Seat>>) {
      for (const [watch, seats] of newcomers) {
        for (const seat of seats) watch.newcomers.delete(seat);
        if (watch.newcomers.size === 0) greeting.delete(watch);
      }
    },

    /** Those who have become members while somebody watched. */
    takeAppeared(): ReadonlyMap<Watch, ReadonlySet<Person>> {
      const taken = new Map(appeared);
      appeared.clear();
      return taken;
    },

    /** Forgets the conversations that nobody watches. */
    tidy() {
      for (const watch of idle) end(watch);
    },

    size: () => ({ watches: watches.size, people: people.size, watching: watching.size }),
  };
};
