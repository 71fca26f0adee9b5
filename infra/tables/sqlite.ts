import Database from 'libsql';
import {
  type Change,
  type Item,
  type Json,
  type Key,
  type Page,
  type Range,
  TableLimit,
  type Tables,
  TablesUnavailable,
  tableLimits,
} from '../../domain/ports/tables.ts';

/**
 * One b-tree holds every table: a partition's items lie side by side, in the order of their sort keys. `attributes` is
 * a JSON object without pk, sk and revision. Measured against a SQLite table for each table: no difference.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS items (
    tab TEXT NOT NULL,
    pk TEXT NOT NULL,
    sk TEXT NOT NULL,
    revision INTEGER NOT NULL,
    attributes TEXT NOT NULL,
    PRIMARY KEY (tab, pk, sk)
  ) WITHOUT ROWID`;

const INSERT = 'INSERT INTO items (tab, pk, sk, revision, attributes) VALUES (?, ?, ?, ?, ?)';
const STATEMENTS = {
  begin: 'BEGIN IMMEDIATE',
  commit: 'COMMIT',
  rollback: 'ROLLBACK',
  get: 'SELECT revision, attributes FROM items WHERE tab = ? AND pk = ? AND sk = ?',
  put: `${INSERT} ON CONFLICT DO UPDATE SET revision = excluded.revision, attributes = excluded.attributes WHERE excluded.revision > revision`,
  insert: `${INSERT} ON CONFLICT DO NOTHING`,
  replace:
    'UPDATE items SET revision = ?, attributes = ? WHERE tab = ? AND pk = ? AND sk = ? AND revision = ?',
} as const;

type Attributes = Readonly<Record<string, Json>>;
type Stored = { readonly revision: number; readonly attributes: Attributes };
type ChangesOfItem = { readonly table: string; readonly key: Key; readonly changes: Change[] };

/** Tables in one SQLite file. A write is one transaction that may be lost with the machine's power, as a whole: read models are rebuilt. */
export class SqliteTables implements Tables {
  readonly #db: Database.Database;
  readonly #statements = new Map<string, Database.Statement>();
  #open = true;

  /** Throws `TablesUnavailable`. `busyMs`: how long another process's transaction is waited for. */
  constructor(file: string, busyMs = 5000) {
    this.#db = openingOf(file, () => {
      const db = new Database(file, { timeout: busyMs });
      db.pragma('journal_mode = WAL');
      db.pragma('synchronous = NORMAL');
      db.pragma('cache_size = -32768');
      db.pragma('wal_autocheckpoint = 400'); // a checkpoint stalls this thread: about 10 ms each
      db.exec(SCHEMA);
      return db;
    });
  }

  async get(table: string, keys: readonly Key[]): Promise<readonly (Item | undefined)[]> {
    if (keys.length > tableLimits.getKeys) throw new TableLimit(`get of ${keys.length} keys`);
    return this.#answer(() =>
      keys.map((key) => {
        const stored = this.#get(table, checkKey(key));
        return stored && { ...stored.attributes, ...keyOf(key), revision: stored.revision };
      }),
    );
  }

  async query(table: string, pk: string, range: Range = {}): Promise<Page> {
    const { from, to, backwards = false, limit = tableLimits.pageItems, after } = range;
    checkKey({ pk, sk: '-' });
    if (!(limit >= 1 && limit <= tableLimits.pageItems)) throw new TableLimit(`page of ${limit} items`);
    const bounds: [string, string | undefined][] = backwards
      ? [['sk >= ?', from], after === undefined ? ['sk <= ?', to] : ['sk < ?', after]]
      : [after === undefined ? ['sk >= ?', from] : ['sk > ?', after], ['sk <= ?', to]];
    const given = bounds.filter(([, value]) => value !== undefined);
    const where = ['tab = ?', 'pk = ?', ...given.map(([condition]) => condition)].join(' AND ');
    const sql = `SELECT sk, revision, attributes FROM items WHERE ${where} ORDER BY sk ${backwards ? 'DESC' : 'ASC'} LIMIT ?`;
    const rows = this.#answer(
      () =>
        this.#statement(sql).all(table, pk, ...given.map(([, value]) => value), limit + 1) as [
          string,
          number,
          string,
        ][],
    );
    const items = rows.slice(0, limit).map(
      ([sk, revision, attributes]): Item => ({
        ...(JSON.parse(attributes) as Attributes),
        pk,
        sk,
        revision,
      }),
    );
    const last = items.at(-1);
    return rows.length > limit && last ? { items, next: last.sk } : { items };
  }

  async write(changes: readonly Change[]): Promise<void> {
    if (changes.length > tableLimits.writeChanges) throw new TableLimit(`write of ${changes.length} changes`);
    const items = groupByItem(changes);
    this.#answer(() => {
      this.#statement(STATEMENTS.begin).run();
      try {
        // What may be refused is found out before anything is written.
        const rows = [...items].flatMap((item) => this.#rowOf(item) ?? []);
        for (const row of rows) this.#statement(STATEMENTS.put).run(row);
        this.#statement(STATEMENTS.commit).run();
      } catch (error) {
        if (this.#db.inTransaction) this.#statement(STATEMENTS.rollback).run(); // a full disk has rolled back already
        throw error;
      }
    });
  }

  async swap(table: string, item: Item, expected: number | undefined): Promise<boolean> {
    const { pk, sk } = checkKey(item);
    const { revision } = item;
    const json = toJson(item, attributesOf(item));
    return this.#answer(() => {
      const { changes } =
        expected === undefined
          ? this.#statement(STATEMENTS.insert).run(table, pk, sk, revision, json)
          : this.#statement(STATEMENTS.replace).run(revision, json, table, pk, sk, expected);
      return changes === 1;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#statements.clear();
    this.#db.close();
  }

  /** The parameters that put an item as it is after its changes; undefined if they are passed over. */
  #rowOf({ table, key, changes }: ChangesOfItem): [unknown[]] | undefined {
    const put = changes.length === 1 && changes[0]?.op === 'put' ? changes[0] : undefined;
    const stored = put ? undefined : this.#get(table, key);
    const next = put ? storedOf(put.item) : changes.reduce(afterChange, stored);
    if (!next || next === stored) return undefined;
    return [[table, key.pk, key.sk, next.revision, toJson(key, next.attributes)]];
  }

  #get(table: string, { pk, sk }: Key): Stored | undefined {
    const row = this.#statement(STATEMENTS.get).get(table, pk, sk) as [number, string] | undefined;
    return row && { revision: row[0], attributes: JSON.parse(row[1]) as Attributes };
  }

  #statement(sql: string): Database.Statement {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#db.prepare(sql);
      if (sql.startsWith('SELECT')) statement.raw(); // rows as arrays; as objects, `get` adds an attribute of its own
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #answer<T>(ask: () => T): T {
    if (!this.#open) throw new TablesUnavailable('the tables are closed');
    return answer(ask);
  }
}

const answer = <T>(ask: () => T): T => {
  try {
    return ask();
  } catch (error) {
    throw error instanceof TableLimit ? error : unavailable(error);
  }
};

/** Nothing is lost with a damaged file: whoever runs this should hear so. */
const openingOf = <T>(file: string, open: () => T): T => {
  try {
    return answer(open);
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code !== 'SQLITE_NOTADB' && code !== 'SQLITE_CORRUPT') throw error;
    throw new TablesUnavailable(
      `${file} is damaged. It holds views only: delete it, ${file}-wal and ${file}-shm, and they are rebuilt from the log`,
      { cause: error },
    );
  }
};

const unavailable = (error: unknown): TablesUnavailable =>
  new TablesUnavailable(`SQLite: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });

/** The item after a change; the same object if the change is passed over. */
const afterChange = (stored: Stored | undefined, change: Change): Stored | undefined => {
  if (change.op === 'put')
    return stored && stored.revision >= change.item.revision ? stored : storedOf(change.item);
  if (!stored || stored.revision >= change.revision) return stored;
  // Spread and computed keys, never assignment: an attribute may be called `__proto__`.
  let attributes: Record<string, Json> = { ...stored.attributes, ...change.set };
  for (const name of change.remove ?? []) delete attributes[name];
  for (const [name, member] of Object.entries(change.include ?? {})) {
    const members = [...new Set([...membersOf(attributes, name), member])].sort();
    attributes = { ...attributes, [name]: members };
  }
  for (const [name, member] of Object.entries(change.exclude ?? {})) {
    const members = membersOf(attributes, name).filter((other) => other !== member);
    if (members.length > 0) attributes = { ...attributes, [name]: members };
    else delete attributes[name];
  }
  return { revision: change.revision, attributes };
};

const membersOf = (attributes: Attributes, name: string): string[] => {
  const set = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
  return Array.isArray(set) ? (set as string[]) : [];
};

/** Every item is read once and written once, however many of the changes are its own. */
const groupByItem = (changes: readonly Change[]): Iterable<ChangesOfItem> => {
  const items = new Map<string, ChangesOfItem>();
  for (const change of changes) {
    const { table } = change;
    const key = checkKey(change.op === 'put' ? change.item : change.key);
    const name = `${table.length}.${key.pk.length}.${table}${key.pk}${key.sk}`;
    const item = items.get(name);
    if (item) item.changes.push(change);
    else items.set(name, { table, key, changes: [change] });
  }
  return items.values();
};

const keyOf = ({ pk, sk }: Key): Key => ({ pk, sk });

/** libsql reads text up to the first NUL, and half a surrogate pair is no text: different keys would become one. */
const checkKey = <K extends Key>(key: K): K => {
  for (const part of [key.pk, key.sk]) {
    if (part === '') throw new TableLimit('a key has an empty part');
    if (part.includes('\0') || /\p{Cs}/u.test(part)) throw new TableLimit('a key is no well-formed text');
  }
  return key;
};

const attributesOf = ({ pk: _pk, sk: _sk, revision: _revision, ...attributes }: Item): Attributes =>
  attributes;

const storedOf = (item: Item): Stored => ({ revision: item.revision, attributes: attributesOf(item) });

const toJson = ({ pk, sk }: Key, attributes: Attributes): string => {
  const json = JSON.stringify(attributes);
  // Three bytes are the most that a UTF-16 unit takes, so that nearly no item has to be measured.
  if ((json.length + pk.length + sk.length) * 3 > tableLimits.itemBytes) {
    const bytes = sizeOf(attributes) + sizeOf(pk) + sizeOf(sk);
    if (bytes > tableLimits.itemBytes) throw new TableLimit(`item of ${bytes} bytes`);
  }
  return json;
};

/** Bytes as DynamoDB counts them, nearly: names and values in UTF-8, not escaped. */
const sizeOf = (value: Json): number => {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value !== 'object' || value === null) return String(value).length;
  return Object.entries(value).reduce(
    (sum, [name, part]) => sum + 1 + (Array.isArray(value) ? 0 : Buffer.byteLength(name)) + sizeOf(part),
    3,
  );
};
