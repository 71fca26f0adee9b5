import { LRUCache } from 'lru-cache';
import type { UserId } from '../domain/id.ts';
import type { People, Preferences } from '../domain/ports/directory.ts';

const REMEMBERED = 20_000;

/**
 * What people prefer, which deliveries ask all the time and is therefore remembered. What is set in this process is known
 * here at once.
 */
export const createPreferences = (
  people: Pick<People, 'preferences' | 'setPreferences'>,
  remembered: number = REMEMBERED,
) => {
  const known = new LRUCache<UserId, Preferences>({ max: remembered });
  const reading = new Map<UserId, Promise<Preferences>>();
  const listeners = new Set<(userId: UserId, preferences: Preferences) => void>();

  const read = (userId: UserId): Promise<Preferences> => {
    const mine: Promise<Preferences> = people.preferences(userId).then((found) => {
      // They may have been set since the answer was read.
      if (reading.get(userId) === mine) known.set(userId, found);
      return found;
    });
    const over = () => {
      if (reading.get(userId) === mine) reading.delete(userId);
    };
    reading.set(userId, mine);
    mine.then(over, over);
    return mine;
  };

  const of = (userId: UserId): Preferences | Promise<Preferences> =>
    known.get(userId) ?? reading.get(userId) ?? read(userId);

  return {
    /** Throws `DirectoryUnavailable`. */
    of,

    /** Changes the fields that are given, and gives all. Throws `DirectoryUnavailable`. */
    async set(userId: UserId, change: Partial<Preferences>): Promise<Preferences> {
      try {
        await people.setPreferences(userId, change);
      } finally {
        known.delete(userId);
        reading.delete(userId);
      }
      const found = await of(userId);
      // Of two that are set at once, whoever is told last is told the newest.
      const preferences = known.get(userId) ?? found;
      for (const listener of listeners) listener(userId, preferences);
      return preferences;
    },

    /** Calls `listener` (which must not throw) after each `set` in this process, until the result is called. */
    onChange(listener: (userId: UserId, preferences: Preferences) => void): () => void {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
};

export type PreferencesOf = ReturnType<typeof createPreferences>;
