import fc from 'fast-check';
import { ulid } from 'ulid';
import { describe, expect, it } from 'vitest';
import { type Directory, type Preferences, usualPreferences } from '../../domain/ports/directory.ts';

/** The part of the directory's contract about when people were seen and what they prefer. */
export const ownStateContract = (directory: () => Directory): void => {
  describe('when people were seen', () => {
    it('P6 gives times in the order asked for, and nothing for somebody never seen', async () => {
      const { people } = directory();
      const [ann, bea] = [ulid(), ulid()];
      await people.seen([
        { userId: ann, at: 1000 },
        { userId: bea, at: 1_900_000_000_000 },
      ]);
      expect(await people.lastSeen([bea, ulid(), ann, bea])).toEqual([
        1_900_000_000_000,
        undefined,
        1000,
        1_900_000_000_000,
      ]);
      await people.seen([]);
      expect(await people.lastSeen([])).toEqual([]);
    });

    it('P6 keeps the latest of each, whatever the order and how many at once', async () => {
      const { people } = directory();
      const latest = new Map<string, number>();
      const entry = fc.record({ userId: fc.constantFrom('a', 'b', 'c', "d'"), at: fc.nat(50) });
      const calls = fc.array(fc.array(entry, { maxLength: 12 }), { maxLength: 4 });
      await fc.assert(
        fc.asyncProperty(calls, async (batches) => {
          await Promise.all(batches.map((entries) => people.seen(entries)));
          for (const { userId, at } of batches.flat()) {
            latest.set(userId, Math.max(at, latest.get(userId) ?? at));
          }
          const asked = ['a', 'b', 'c', "d'"];
          expect(await people.lastSeen(asked)).toEqual(asked.map((userId) => latest.get(userId)));
        }),
        { numRuns: 50 },
      );
    });

    it('P6 takes more people at once than one statement holds', async () => {
      const { people } = directory();
      const entries = Array.from({ length: 1203 }, (_, n) => ({ userId: ulid(), at: n }));
      await people.seen(entries);
      await people.seen(entries.map(({ userId, at }) => ({ userId, at: at % 2 ? at + 1 : at - 1 })));
      expect(await people.lastSeen(entries.map(({ userId }) => userId))).toEqual(
        entries.map(({ at }) => (at % 2 ? at + 1 : at)),
      );
    });
  });

  describe('preferences', () => {
    it('P7 are the usual ones until they are set', async () => {
      const { people } = directory();
      const ann = ulid();
      expect(await people.preferences(ann)).toEqual({ shareReadReceipts: true, sharePresence: true });
      await people.setPreferences(ann, {});
      expect(await people.preferences(ann)).toEqual(usualPreferences);
    });

    it('P7 are each person’s own, and change field by field, as set last', async () => {
      const { people } = directory();
      const kept = new Map<string, Preferences>();
      const change = fc.record(
        { shareReadReceipts: fc.boolean(), sharePresence: fc.boolean() },
        { requiredKeys: [] },
      );
      await fc.assert(
        fc.asyncProperty(fc.constantFrom('ann', 'bea', 'cyd'), change, async (userId, wish) => {
          await people.setPreferences(userId, wish);
          kept.set(userId, { ...(kept.get(userId) ?? usualPreferences), ...wish });
          for (const [who, preferences] of kept) expect(await people.preferences(who)).toEqual(preferences);
        }),
        { numRuns: 50 },
      );
    });

    it('P7 lose no field that another call sets at the same time', async () => {
      const { people } = directory();
      const ann = ulid();
      await Promise.all([
        people.setPreferences(ann, { shareReadReceipts: false }),
        people.setPreferences(ann, { sharePresence: false }),
      ]);
      expect(await people.preferences(ann)).toEqual({ shareReadReceipts: false, sharePresence: false });
    });
  });
};
