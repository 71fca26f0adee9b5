import type { ConversationId, UserId } from '../../domain/id.ts';

/** A signed-in socket as deliveries see it. */
export type Seat = {
  readonly userId: UserId;
  readonly deviceId: string;
  /** Writes a whole frame; the same bytes go to everybody in the room. */
  send(frame: Buffer): void;
};

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

  const enter = (seat: Seat, conversationId: ConversationId) => {
    add(rooms, conversationId, seat);
    roomsOf.get(seat)?.add(conversationId);
  };
  const exit = (seat: Seat, conversationId: ConversationId) => {
    take(rooms, conversationId, seat);
    roomsOf.get(seat)?.delete(conversationId);
  };

  return {
    in: (conversationId: ConversationId): ReadonlySet<Seat> => rooms.get(conversationId) ?? nobody,

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
      for (const conversationId of roomsOf.get(seat) ?? []) take(rooms, conversationId, seat);
      roomsOf.delete(seat);
      take(seats, seat.userId, seat);
    },
  };
};

export type Rooms = ReturnType<typeof createRooms>;

const nobody: ReadonlySet<Seat> = new Set();

const add = <K, V>(sets: Map<K, Set<V>>, key: K, value: V) => {
  const set = sets.get(key);
  if (set) set.add(value);
  else sets.set(key, new Set([value]));
};

const take = <K, V>(sets: Map<K, Set<V>>, key: K, value: V) => {
  const set = sets.get(key);
  set?.delete(value);
  if (set?.size === 0) sets.delete(key);
};
