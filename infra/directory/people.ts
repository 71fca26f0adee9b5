import { type Kysely, type Selectable, sql, type Transaction } from 'kysely';
import { type People, type User, UsernameTaken } from '../../domain/ports/directory.ts';
import { storable, usernameKey } from '../../domain/username.ts';
import { ROWS, chunks } from './chunks.ts';
import type { OwnState } from './own-state.ts';
import type { DirectoryTables } from './schema.ts';

const WORDS = 32; // found of one name; a display name of 64 characters has no more
const WORD_LENGTH = 64;

type Tables = Kysely<DirectoryTables>;
type NewUser = Omit<User, 'role'>;

const toUser = (row: Selectable<DirectoryTables['people']>): User => ({
  userId: row.user_id,
  username: row.username,
  displayName: row.display_name,
  role: row.role,
  createdAt: row.created_at,
});

const cut = (text: string) => Array.from(text).slice(0, WORD_LENGTH).join('');

/**
 * What is found by prefix: a name from each of its words to its end, so that "ann sm" finds Mary-Ann Smith. `source` 0 is
 * the username, 1 the display name. What follows an `@` is the place a person was imported from, and no word.
 */
const wordsOf = (user: NewUser): DirectoryTables['people_words'][] => {
  const words = new Map<string, number>();
  const collect = (name: string, end: number, source: number) => {
    const starts = [0];
    for (const { index } of name.matchAll(/(?<![\p{L}\p{N}\p{M}])[\p{L}\p{N}]/gu)) {
      if (index >= end || starts.length > WORDS) break;
      if (index > 0) starts.push(index);
    }
    for (const start of starts) {
      const word = cut(name.slice(start));
      if (!words.has(word)) words.set(word, source);
    }
  };
  const username = usernameKey(user.username);
  const at = username.indexOf('@');
  const displayName = usernameKey(user.displayName).trim();
  collect(username, at < 0 ? username.length : at, 0);
  collect(displayName, displayName.length, 1);
  return [...words].map(([word, source]) => ({ word, source, user_id: user.userId }));
};

const toRow = (user: NewUser, role: User['role'], passwordHash?: string): DirectoryTables['people'] => ({
  user_id: user.userId,
  username: storable(user.username),
  username_key: usernameKey(user.username),
  display_name: storable(user.displayName),
  role,
  created_at: user.createdAt,
  password_hash: passwordHash ?? null,
});

const addWords = async (tx: Transaction<DirectoryTables>, users: readonly NewUser[]) => {
  for (const words of chunks(users.flatMap(wordsOf)))
    await tx.insertInto('people_words').values(words).execute();
};

/** `taken` recognizes the dialect's error for a key that is there already. */
export const people = (db: Tables, taken: (error: unknown) => boolean): Omit<People, keyof OwnState> => {
  const byId: People['byId'] = async (userIds) => {
    const found = new Map<string, User>();
    for (const ids of chunks(userIds)) {
      const rows = await db.selectFrom('people').selectAll().where('user_id', 'in', ids).execute();
      for (const row of rows) found.set(row.user_id, toUser(row));
    }
    return userIds.map((userId) => found.get(userId));
  };

  const insert = async (user: NewUser, passwordHash?: string): Promise<User> =>
    db.transaction().execute(async (tx) => {
      // The index on the one owner decides between two that come at once.
      const owner =
        passwordHash === undefined
          ? undefined
          : await tx
              .insertInto('people')
              .values(toRow(user, 'owner', passwordHash))
              .onConflict((conflict) =>
                conflict.column('role').where(sql<boolean>`role = 'owner'`).doNothing(),
              )
              .returningAll()
              .executeTakeFirst();
      const row =
        owner ??
        (await tx
          .insertInto('people')
          .values(toRow(user, 'member', passwordHash))
          .returningAll()
          .executeTakeFirstOrThrow());
      await addWords(tx, [user]);
      return toUser(row);
    });

  return {
    async add(user, passwordHash) {
      const [stored] = await byId([user.userId]);
      if (stored) return stored;
      try {
        return await insert(user, passwordHash);
      } catch (error) {
        if (!taken(error)) throw error;
        const [meanwhile] = await byId([user.userId]);
        if (meanwhile) return meanwhile;
        throw new UsernameTaken(`the username ${user.username} is taken`, { cause: error });
      }
    },

    async addMany(users) {
      try {
        await db.transaction().execute(async (tx) => {
          const given = new Map(users.map((user) => [user.userId, user]));
          for (const chunk of chunks([...given.values()])) {
            const added = await tx
              .insertInto('people')
              .values(chunk.map((user) => toRow(user, 'member')))
              .onConflict((conflict) => conflict.column('user_id').doNothing())
              .returning('user_id')
              .execute();
            await addWords(
              tx,
              added.flatMap(({ user_id }) => given.get(user_id) ?? []),
            );
          }
        });
      } catch (error) {
        throw taken(error) ? new UsernameTaken('one of the usernames is taken', { cause: error }) : error;
      }
    },

    byId,

    async byUsername(username) {
      const row = await db
        .selectFrom('people')
        .selectAll()
        .where('username_key', '=', usernameKey(username))
        .executeTakeFirst();
      return row && toUser(row);
    },

    /** In the order of the words, which puts the text itself before what is longer; usernames before display names. */
    async search(text, limit) {
      const prefix = cut(usernameKey(text).trimStart());
      const found = new Map<string, User>();
      const page = Math.min(Math.max(limit, 1) * 2, ROWS);
      for (let offset = 0; found.size < limit; offset += page) {
        const rows = await db
          .selectFrom('people_words as words')
          .innerJoin('people', 'people.user_id', 'words.user_id')
          .selectAll('people')
          .where('words.word', '>=', prefix)
          .where('words.word', '<', `${prefix}\u{10FFFF}`)
          .orderBy('words.word')
          .orderBy('words.source')
          .orderBy('words.user_id')
          .limit(page)
          .offset(offset)
          .execute();
        for (const row of rows) if (found.size < limit) found.set(row.user_id, toUser(row));
        if (rows.length < page) break;
      }
      return [...found.values()];
    },

    async credentials(userId) {
      const row = await db
        .selectFrom('people')
        .select('password_hash')
        .where('user_id', '=', userId)
        .executeTakeFirst();
      return row?.password_hash ?? undefined;
    },

    async owner() {
      const row = await db.selectFrom('people').selectAll().where('role', '=', 'owner').executeTakeFirst();
      return row && toUser(row);
    },
  };
};
