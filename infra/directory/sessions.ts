import type { Kysely, Selectable, Transaction } from 'kysely';
import type { Device, Rotation, Sessions } from '../../domain/ports/directory.ts';
import { storable } from '../../domain/username.ts';
import type { DirectoryTables } from './schema.ts';

const toDevice = (row: Selectable<DirectoryTables['devices']>): Device => ({
  deviceId: row.device_id,
  userId: row.user_id,
  name: row.name,
  createdAt: row.created_at,
  lastSeenAt: row.last_seen_at,
});

export const sessions = (db: Kysely<DirectoryTables>): Sessions => ({
  async open(device, tokenHash, expiresAt) {
    await db.transaction().execute(async (tx) => {
      await tx
        .insertInto('devices')
        .values({
          device_id: device.deviceId,
          user_id: device.userId,
          name: storable(device.name),
          created_at: device.createdAt,
          last_seen_at: device.lastSeenAt,
          revoked: 0,
        })
        .execute();
      await tx
        .insertInto('refresh_tokens')
        .values({ token_hash: tokenHash, device_id: device.deviceId, expires_at: expiresAt, replaced: 0 })
        .execute();
    });
  },

  // Each update is conditional and locks its row, so that this is right under READ COMMITTED too.
  async rotate(tokenHash, next, now) {
    return db.transaction().execute(async (tx): Promise<Rotation> => {
      const token = await tx
        .updateTable('refresh_tokens')
        .set({ replaced: 1 })
        .where('token_hash', '=', tokenHash)
        .where('replaced', '=', 0)
        .where('expires_at', '>=', now)
        .returning('device_id')
        .executeTakeFirst();
      if (!token) return refuse(tx, tokenHash, now);
      const device = await tx
        .updateTable('devices')
        .set({ last_seen_at: now })
        .where('device_id', '=', token.device_id)
        .where('revoked', '=', 0)
        .returningAll()
        .executeTakeFirst();
      if (!device) return { outcome: 'revoked' };
      await tx
        .insertInto('refresh_tokens')
        .values({
          token_hash: next.tokenHash,
          device_id: token.device_id,
          expires_at: next.expiresAt,
          replaced: 0,
        })
        .execute();
      await tx
        .deleteFrom('refresh_tokens')
        .where('device_id', '=', token.device_id)
        .where('expires_at', '<', now)
        .where('replaced', '=', 1)
        .execute();
      return { outcome: 'rotated', device: toDevice(device) };
    });
  },

  async revoke(deviceId) {
    await db.updateTable('devices').set({ revoked: 1 }).where('device_id', '=', deviceId).execute();
  },

  async active(deviceId) {
    const row = await db
      .selectFrom('devices')
      .selectAll()
      .where('device_id', '=', deviceId)
      .where('revoked', '=', 0)
      .executeTakeFirst();
    return row && toDevice(row);
  },

  async list(userId) {
    const rows = await db
      .selectFrom('devices')
      .selectAll()
      .where('user_id', '=', userId)
      .where('revoked', '=', 0)
      .orderBy('created_at', 'desc')
      .orderBy('device_id', 'desc')
      .execute();
    return rows.map(toDevice);
  },
});

/** Why a token rotates nothing. A replaced one ends its device, unless it would be worthless by now anyway. */
const refuse = async (
  tx: Transaction<DirectoryTables>,
  tokenHash: string,
  now: number,
): Promise<Rotation> => {
  const token = await tx
    .selectFrom('refresh_tokens')
    .innerJoin('devices', 'devices.device_id', 'refresh_tokens.device_id')
    .select(['devices.device_id', 'devices.revoked', 'refresh_tokens.expires_at'])
    .where('token_hash', '=', tokenHash)
    .executeTakeFirst();
  if (!token) return { outcome: 'unknown' };
  if (token.revoked === 1) return { outcome: 'revoked' };
  if (token.expires_at < now) return { outcome: 'expired' };
  await tx.updateTable('devices').set({ revoked: 1 }).where('device_id', '=', token.device_id).execute();
  return { outcome: 'reused', deviceId: token.device_id };
};
