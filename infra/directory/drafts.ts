import { type Kysely, type Selectable, type Transaction, sql } from 'kysely';
import { type Draft, type Drafts, draftLimits } from '../../domain/ports/directory.ts';
import { storable } from '../../domain/username.ts';
import { chunks } from './chunks.ts';
import type { DirectoryTables } from './schema.ts';

type Row = Selectable<DirectoryTables['drafts']>;

const toDraft = (row: Row): Draft => ({
  conversationId: row.conversation_id,
  text: row.text,
  ...(row.reply_to !== null && { replyTo: row.reply_to }),
  at: row.at,
});

/** Of each person and conversation the one that counts, in one order everywhere, so that two calls at once don't deadlock. */
const newest = (drafts: Parameters<Drafts['put']>[0]): Row[] => {
  const rows = new Map<string, Row>();
  for (const { userId, conversationId, text, replyTo, at } of drafts) {
    const key = `${userId} ${conversationId}`;
    if ((rows.get(key)?.at ?? -Infinity) >= at) continue;
    const reply_to = text === '' ? null : (replyTo ?? null);
    rows.set(key, { user_id: userId, conversation_id: conversationId, text: storable(text), reply_to, at });
  }
  return [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
};

/**
 * Rows only get newer, so whatever is not among a person's newest never will be: what is trimmed can be forgotten, and an
 * older draft that comes for it is trimmed at once too.
 */
const trim = async (tx: Transaction<DirectoryTables>, userIds: readonly string[]) => {
  const beyond = (places: number, which = sql`true`) => sql`(user_id, conversation_id) in (
    select user_id, conversation_id from (
      select user_id, conversation_id,
        row_number() over (partition by user_id order by at desc, conversation_id desc) as place
      from drafts where user_id in (${sql.join(userIds)}) and ${which}
    ) as ranked where place > ${places})`;
  const { unfinished, remembered } = draftLimits;
  await sql`update drafts set text = '', reply_to = null where ${beyond(unfinished, sql`text <> ''`)}`.execute(
    tx,
  );
  await sql`delete from drafts where ${beyond(remembered)}`.execute(tx);
};

export const drafts = (db: Kysely<DirectoryTables>): Drafts => ({
  async put(given) {
    await db.transaction().execute(async (tx) => {
      const rows = newest(given);
      for (const values of chunks(rows)) {
        await tx
          .insertInto('drafts')
          .values(values)
          .onConflict((conflict) =>
            conflict
              .columns(['user_id', 'conversation_id'])
              .doUpdateSet((row) => ({
                text: row.ref('excluded.text'),
                reply_to: row.ref('excluded.reply_to'),
                at: row.ref('excluded.at'),
              }))
              .whereRef('excluded.at', '>', 'drafts.at'),
          )
          .execute();
      }
      for (const userIds of chunks([...new Set(rows.map(({ user_id }) => user_id))])) await trim(tx, userIds);
    });
  },

  async list(userId) {
    const newest = (which: '=' | '<>', most: number) =>
      db
        .selectFrom('drafts')
        .selectAll()
        .where('user_id', '=', userId)
        .where('text', which, '')
        .orderBy('at', 'desc')
        .orderBy('conversation_id', 'desc')
        .limit(most)
        .execute();
    const unfinished = await newest('<>', draftLimits.unfinished);
    return [...unfinished, ...(await newest('=', draftLimits.removed))].map(toDraft);
  },
});
