import type { Kysely } from 'kysely';
import {
  type Directory,
  DirectoryUnavailable,
  type Invitations,
  type Keyring,
  UsernameTaken,
} from '../../domain/ports/directory.ts';
import { drafts } from './drafts.ts';
import { ownState } from './own-state.ts';
import { people } from './people.ts';
import type { DirectoryTables } from './schema.ts';
import { sessions } from './sessions.ts';

const keyring = (db: Kysely<DirectoryTables>): Keyring => ({
  async list() {
    const rows = await db
      .selectFrom('signing_keys')
      .selectAll()
      .orderBy('created_at', 'desc')
      .orderBy('kid', 'desc')
      .execute();
    return rows.map((row) => ({
      kid: row.kid,
      createdAt: row.created_at,
      privateJwk: JSON.parse(row.private_jwk) as Record<string, unknown>,
      publicJwk: JSON.parse(row.public_jwk) as Record<string, unknown>,
    }));
  },

  async add(key, keepAfter) {
    await db.transaction().execute(async (tx) => {
      await tx
        .insertInto('signing_keys')
        .values({
          kid: key.kid,
          created_at: key.createdAt,
          private_jwk: JSON.stringify(key.privateJwk),
          public_jwk: JSON.stringify(key.publicJwk),
        })
        .execute();
      await tx
        .deleteFrom('signing_keys')
        .where('created_at', '<', keepAfter)
        .where('kid', '!=', key.kid)
        .execute();
    });
  },
});

const invitations = (db: Kysely<DirectoryTables>): Invitations => ({
  async add(codeHash, by, uses, expiresAt) {
    await db
      .insertInto('invitations')
      .values({ code_hash: codeHash, created_by: by, uses_left: uses, expires_at: expiresAt })
      .execute();
  },

  async use(codeHash, now) {
    const { numUpdatedRows } = await db
      .updateTable('invitations')
      .set((row) => ({ uses_left: row('uses_left', '-', 1) }))
      .where('code_hash', '=', codeHash)
      .where('uses_left', '>', 0)
      .where('expires_at', '>=', now)
      .executeTakeFirstOrThrow();
    return numUpdatedRows > 0n;
  },
});

type Method = (...args: never[]) => Promise<unknown>;

/** The same methods, but no error leaves them that the port does not declare. */
const declared = <Part extends object>(part: Part): Part =>
  Object.fromEntries(
    Object.entries(part as Record<string, Method>).map(([name, method]) => [
      name,
      async (...args: never[]) => {
        try {
          return await method(...args);
        } catch (error) {
          if (error instanceof UsernameTaken) throw error;
          throw new DirectoryUnavailable(`the directory can't do ${name}`, { cause: error });
        }
      },
    ]),
  ) as Part;

/**
 * A directory in any database that Kysely speaks to and `migrate` has prepared. `taken` recognizes the database's error for
 * a key that is there already.
 */
export const directoryIn = (db: Kysely<DirectoryTables>, taken: (error: unknown) => boolean): Directory => ({
  people: declared({ ...people(db, taken), ...ownState(db) }),
  sessions: declared(sessions(db)),
  keyring: declared(keyring(db)),
  invitations: declared(invitations(db)),
  drafts: declared(drafts(db)),
  [Symbol.asyncDispose]: () => db.destroy(),
});
