import type { UserId } from '../../domain/id.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import type { People } from '../../domain/ports/directory.ts';
import { LEASE_MS, type LiveSocket, type LiveState } from '../../domain/ports/live-state.ts';
import type { Seat } from './rooms.ts';

/** Socket ends that wait while the live state is away. */
const ENDED = 100_000;
const SEEN_MS = 5_000;

/** The channel on which it is said that somebody's presence may have changed. */
export const channelOf = (userId: UserId): string => `person:${userId}`;
export const personOf = (channel: string): UserId => channel.slice('person:'.length);

export type HereDeps = {
  readonly live: Pick<LiveState, 'connect' | 'disconnect' | 'refresh' | 'publish'>;
  readonly people: Pick<People, 'seen' | 'lastSeen'>;
  /** Of this process, and of no other one ever. */
  readonly gatewayId: string;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
};

/**
 * The sockets of this gateway, as the live state and the directory are to know them. Changes are gathered until `flush`;
 * when the live state is away they wait.
 */
export const createHere = ({ live, people, gatewayId, clock, onError }: HereDeps) => {
  const sockets = new Map<Seat, LiveSocket>();
  const changed = new Set<Seat>();
  let ended: LiveSocket[] = [];
  let count = 0;
  // When people came or went, until the directory knows.
  const seen = new Map<UserId, number>();
  let saving = false;

  const saveSeen = async () => {
    saving = false;
    if (seen.size === 0) return;
    const entries = [...seen].map(([userId, at]) => ({ userId, at }));
    try {
      await people.seen(entries);
      for (const { userId, at } of entries) if (seen.get(userId) === at) seen.delete(userId);
    } catch (error) {
      onError(error);
    }
  };
  const note = (userId: UserId) => {
    seen.set(userId, clock.today());
    if (!saving) clock.after(SEEN_MS, () => void saveSeen());
    saving = true;
  };

  return {
    has: (seat: Seat): boolean => sockets.has(seat),

    arrive(seat: Seat) {
      const { userId, deviceId } = seat;
      count += 1;
      sockets.set(seat, {
        connectionId: `${gatewayId}/${count}`,
        userId,
        deviceId,
        gatewayId,
        state: 'online',
      });
      changed.add(seat);
      note(userId);
    },

    set(seat: Seat, state: LiveSocket['state']) {
      const socket = sockets.get(seat);
      if (!socket || socket.state === state) return;
      sockets.set(seat, { ...socket, state });
      changed.add(seat);
    },

    leave(seat: Seat) {
      const socket = sockets.get(seat);
      if (!socket) return;
      sockets.delete(seat);
      changed.delete(seat);
      if (ended.length < ENDED) ended.push(socket);
      note(socket.userId);
    },

    /** Brings the changes to the live state, and tells whoever watches these people. */
    async flush(): Promise<void> {
      if (changed.size + ended.length === 0) return;
      const seats = [...changed];
      const up = seats.flatMap((seat) => sockets.get(seat) ?? []);
      const down = ended;
      changed.clear();
      ended = [];
      try {
        if (up.length > 0) await live.connect(up);
        if (down.length > 0) await live.disconnect(down);
        const moved = new Set([...up, ...down].map(({ userId }) => userId));
        await Promise.all([...moved].map(async (userId) => live.publish(channelOf(userId), null)));
      } catch (error) {
        for (const seat of seats) if (sockets.has(seat)) changed.add(seat);
        ended = [...down, ...ended].slice(0, ENDED);
        throw error;
      }
    },

    /** To be called every third of a lease. Whether there is something to flush. */
    async beat(): Promise<boolean> {
      if (!(await live.refresh(gatewayId))) for (const seat of sockets.keys()) changed.add(seat);
      if (seen.size > 0) await saveSeen();
      return changed.size + ended.length > 0;
    },

    /** When people were here last, in ms; undefined for those of whom that is not known. */
    async lastSeen(userIds: readonly UserId[]): Promise<Map<UserId, number>> {
      const known = await people.lastSeen(userIds);
      return new Map(
        userIds.flatMap((userId, n) => {
          const at = seen.get(userId) ?? known[n];
          return at === undefined ? [] : [[userId, at] as const];
        }),
      );
    },

    /** How many people have a socket here. */
    people: (): number => new Set([...sockets.values()].map(({ userId }) => userId)).size,

    /** Everybody has been here up to now. */
    async end(): Promise<void> {
      for (const { userId } of sockets.values()) seen.set(userId, clock.today());
      await saveSeen();
    },
  };
};

export const BEAT_MS = LEASE_MS / 3;
