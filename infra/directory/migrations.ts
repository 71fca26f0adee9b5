import { type Kysely, type Migration, Migrator, sql } from 'kysely';

export type SqlDialect = 'sqlite' | 'postgres';

/** Names sort in the order they were written. What has been released is never changed: add another one. */
const migrations = (dialect: SqlDialect): Record<string, Migration> => ({
  '0001-directory': {
    up: async (db: Kysely<unknown>) => {
      // Prefixes are ranges of code points, so words must not be ordered by a language's rules.
      const word = dialect === 'postgres' ? sql`text collate "C"` : 'text';
      await db.schema
        .createTable('people')
        .addColumn('user_id', 'text', (column) => column.primaryKey().notNull())
        .addColumn('username', 'text', (column) => column.notNull())
        .addColumn('username_key', 'text', (column) => column.notNull().unique())
        .addColumn('display_name', 'text', (column) => column.notNull())
        .addColumn('role', 'text', (column) => column.notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('password_hash', 'text')
        .execute();
      await db.schema
        .createIndex('people_owner')
        .unique()
        .on('people')
        .column('role')
        .where(sql<boolean>`role = 'owner'`)
        .execute();
      await db.schema
        .createTable('people_words')
        .addColumn('word', word, (column) => column.notNull())
        .addColumn('source', 'integer', (column) => column.notNull())
        .addColumn('user_id', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('people_words_key', ['word', 'source', 'user_id'])
        .execute();
      await db.schema
        .createTable('devices')
        .addColumn('device_id', 'text', (column) => column.primaryKey().notNull())
        .addColumn('user_id', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('last_seen_at', 'bigint', (column) => column.notNull())
        .addColumn('revoked', 'integer', (column) => column.notNull().defaultTo(0))
        .execute();
      await db.schema
        .createIndex('devices_of_user')
        .on('devices')
        .columns(['user_id', 'created_at'])
        .execute();
      await db.schema
        .createTable('refresh_tokens')
        .addColumn('token_hash', 'text', (column) => column.primaryKey().notNull())
        .addColumn('device_id', 'text', (column) => column.notNull())
        .addColumn('expires_at', 'bigint', (column) => column.notNull())
        .addColumn('replaced', 'integer', (column) => column.notNull().defaultTo(0))
        .execute();
      await db.schema
        .createIndex('refresh_tokens_of_device')
        .on('refresh_tokens')
        .columns(['device_id', 'expires_at'])
        .execute();
      await db.schema
        .createTable('signing_keys')
        .addColumn('kid', 'text', (column) => column.primaryKey().notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('private_jwk', 'text', (column) => column.notNull())
        .addColumn('public_jwk', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('invitations')
        .addColumn('code_hash', 'text', (column) => column.primaryKey().notNull())
        .addColumn('created_by', 'text', (column) => column.notNull())
        .addColumn('uses_left', 'integer', (column) => column.notNull())
        .addColumn('expires_at', 'bigint', (column) => column.notNull())
        .execute();
    },
  },
  '0002-own-state': {
    up: async (db: Kysely<unknown>) => {
      await db.schema
        .createTable('last_seen')
        .addColumn('user_id', 'text', (column) => column.primaryKey().notNull())
        .addColumn('at', 'bigint', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('preferences')
        .addColumn('user_id', 'text', (column) => column.primaryKey().notNull())
        .addColumn('share_read_receipts', 'integer')
        .addColumn('share_presence', 'integer')
        .execute();
      await db.schema
        .createTable('drafts')
        .addColumn('user_id', 'text', (column) => column.notNull())
        .addColumn('conversation_id', 'text', (column) => column.notNull())
        .addColumn('text', 'text', (column) => column.notNull())
        .addColumn('reply_to', 'bigint')
        .addColumn('at', 'bigint', (column) => column.notNull())
        .addPrimaryKeyConstraint('drafts_key', ['user_id', 'conversation_id'])
        .execute();
      await db.schema
        .createIndex('drafts_by_age')
        .on('drafts')
        .columns(['user_id', 'at', 'conversation_id'])
        .execute();
    },
  },
});

/** Brings the tables up to date. Throws what went wrong; then nothing of that run is kept. */
export const migrate = async <Tables>(db: Kysely<Tables>, dialect: SqlDialect): Promise<void> => {
  const provider = { getMigrations: () => Promise.resolve(migrations(dialect)) };
  const { error } = await new Migrator({ db, provider }).migrateToLatest();
  if (error !== undefined) throw new Error('the tables could not be brought up to date', { cause: error });
};
