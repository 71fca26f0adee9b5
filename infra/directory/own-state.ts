import type { Kysely } from 'kysely';
import { type People, usualPreferences } from '../../domain/ports/directory.ts';
import { chunks } from './chunks.ts';
import type { DirectoryTables } from './schema.ts';

/** What changes often, or is chosen, beside a person's record. */
export type OwnState = Pick<People, 'seen' | 'lastSeen' | 'preferences' | 'setPreferences'>;

const toWish = (stored: number | null | undefined, usual: boolean) =>
  stored === null || stored === undefined ? usual : stored !== 0;

export const ownState = (db: Kysely<DirectoryTables>): OwnState => ({
  async seen(entries) {
    const latest = new Map<string, number>();
    for (const { userId, at } of entries) latest.set(userId, Math.max(at, latest.get(userId) ?? at));
    // One order everywhere: of two calls at once none waits for a row of the other's while it holds one.
    const rows = [...latest].map(([user_id, at]) => ({ user_id, at }));
    rows.sort((a, b) => (a.user_id < b.user_id ? -1 : 1));
    for (const values of chunks(rows)) {
      await db
        .insertInto('last_seen')
        .values(values)
        .onConflict((conflict) =>
          conflict
            .column('user_id')
            .doUpdateSet((row) => ({ at: row.ref('excluded.at') }))
            .whereRef('excluded.at', '>', 'last_seen.at'),
        )
        .execute();
    }
  },

  async lastSeen(userIds) {
    const found = new Map<string, number>();
    for (const ids of chunks(userIds)) {
      const rows = await db.selectFrom('last_seen').selectAll().where('user_id', 'in', ids).execute();
      for (const { user_id, at } of rows) found.set(user_id, at);
    }
    return userIds.map((userId) => found.get(userId));
  },

  async preferences(userId) {
    const row = await db
      .selectFrom('preferences')
      .selectAll()
      .where('user_id', '=', userId)
      .executeTakeFirst();
    return {
      shareReadReceipts: toWish(row?.share_read_receipts, usualPreferences.shareReadReceipts),
      sharePresence: toWish(row?.share_presence, usualPreferences.sharePresence),
    };
  },

  async setPreferences(userId, { shareReadReceipts, sharePresence }) {
    const change = {
      ...(shareReadReceipts !== undefined && { share_read_receipts: Number(shareReadReceipts) }),
      ...(sharePresence !== undefined && { share_presence: Number(sharePresence) }),
    };
    if (Object.keys(change).length === 0) return;
    await db
      .insertInto('preferences')
      .values({ user_id: userId, ...change })
      .onConflict((conflict) => conflict.column('user_id').doUpdateSet(change))
      .execute();
  },
});
