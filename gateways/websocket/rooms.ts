import type { ConversationId, UserId } from '../../domain/id.ts';
import type { Frame } from './frame.ts';

/** A signed-in socket as deliveries see it. */
export type Seat = {
  readonly userId: UserId;
  readonly deviceId: string;
  /** The same frame goes to everybody who is to get it. */
  send(frame: Frame): void;
};

export type RoomListener = (conversationId: ConversationId, open: boolean) => void;

type Arrival = { readonly seat: Seat; readonly changes: Map<ConversationId, boolean> };

/**
 * Which sockets get the events of which conversation. A person's sockets are in the rooms of their conversations;
 * who joins or leaves is moved by the same events that are delivered, in their order.
 */
export const createRooms = () => {
  const rooms = new Map<ConversationId, Set<Seat>>();
  const seats = new Map<UserId, Set<Seat>>();
  const roomsOf = new Map<Seat, Set<ConversationId>>();
  const arrivals = new Map<UserId, Set<Arrival>>();
  const listeners = new Set<RoomListener>();
  const tell = (conversationId: ConversationId, open: boolean) => {
    for (const listener of listeners) listener(conversationId, open);
  };

  const enter = (seat: Seat, conversationId: ConversationId) => {
    if (add(rooms, conversationId, seat)) tell(conversationId, true);
    roomsOf.get(seat)?.add(conversationId);
  };
  const exit = (seat: Seat, conversationId: ConversationId) => {
    if (take(rooms, conversationId, seat)) tell(conversationId, false);
    roomsOf.get(seat)?.delete(conversationId);
  };

  return {
    /** Calls `listener` when somebody is in a room that was empty, and when nobody is any more. */
    onRoom: (listener: RoomListener) => void listeners.add(listener),

    in: (conversationId: ConversationId): ReadonlySet<Seat> => rooms.get(conversationId) ?? nobody,

    /** The conversations of a seat; none of one that has gone. */
    of: (seat: Seat): ReadonlySet<ConversationId> => roomsOf.get(seat) ?? nowhere,

    seatsOf: (userId: UserId): ReadonlySet<Seat> => seats.get(userId) ?? nobody,

    /** How many sockets of a person are here or arriving. */
    count: (userId: UserId): number => (seats.get(userId)?.size ?? 0) + (arrivals.get(userId)?.size ?? 0),

    /** Whether moving this person would move any socket. */
    knows: (userId: UserId) => seats.has(userId) || arrivals.has(userId),

    join(userId: UserId, conversationId: ConversationId) {
      for (const seat of seats.get(userId) ?? nobody) enter(seat, conversationId);
      for (const arrival of arrivals.get(userId) ?? []) arrival.changes.set(conversationId, true);
    },

    leave(userId: UserId, conversationId: ConversationId) {
      for (const seat of seats.get(userId) ?? nobody) exit(seat, conversationId);
      for (const arrival of arrivals.get(userId) ?? []) arrival.changes.set(conversationId, false);
    },

    /**
     * Seats a socket in the conversations that `read` finds. What changes while it reads is newer than what it finds and
     * wins.
     */
    async seat(seat: Seat, read: () => Promise<readonly ConversationId[]>): Promise<void> {
      const arrival: Arrival = { seat, changes: new Map() };
      add(arrivals, seat.userId, arrival);
      try {
        const found = await read();
        add(seats, seat.userId, seat);
        roomsOf.set(seat, new Set());
        for (const conversationId of found) enter(seat, conversationId);
        for (const [conversationId, joined] of arrival.changes) (joined ? enter : exit)(seat, conversationId);
      } finally {
        take(arrivals, seat.userId, arrival);
      }
    },

    remove(seat: Seat) {
      for (const conversationId of roomsOf.get(seat) ?? nowhere)
        if (take(rooms, conversationId, seat)) tell(conversationId, false);
      roomsOf.delete(seat);
      take(seats, seat.userId, seat);
    },
  };
};

export type Rooms = ReturnType<typeof createRooms>;

const nobody: ReadonlySet<Seat> = new Set();
const nowhere: ReadonlySet<ConversationId> = new Set();

/** Whether it is the first one. */
const add = <K, V>(sets: Map<K, Set<V>>, key: K, value: V): boolean => {
  const set = sets.get(key);
  if (set) set.add(value);
  else sets.set(key, new Set([value]));
  return !set;
};

/** Whether it was the last one. */
const take = <K, V>(sets: Map<K, Set<V>>, key: K, value: V): boolean => {
  const set = sets.get(key);
  set?.delete(value);
  return set?.size === 0 && sets.delete(key);
};
