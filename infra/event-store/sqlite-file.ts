import Database from 'libsql';

/** The schema version of this program, kept in `user_version`. */
const SCHEMA = 1;

/**
 * - `streams`: a small number for each stream's name. `truncated` is the highest revision that was removed (-1: none),
 *   which keeps a stream's last revision when no event is left of it.
 * - `events`: the log, in commit order. `id` is the UUID's 16 bytes, `at` ms since 1970. Positions are never used again.
 */
const TABLES = `
  CREATE TABLE streams (
    stream INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    truncated INTEGER NOT NULL DEFAULT -1
  ) STRICT;
  CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    stream INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    id BLOB NOT NULL,
    type TEXT NOT NULL,
    at INTEGER NOT NULL,
    data BLOB NOT NULL,
    meta BLOB NOT NULL,
    UNIQUE (stream, revision),
    UNIQUE (stream, id)
  ) STRICT;
  PRAGMA user_version = ${SCHEMA};
`;

/** `run` and `all` take their parameters as one array: the driver is quicker with that. */
export type Statement<Row> = {
  run(values: unknown[]): { lastInsertRowid: number | bigint; changes: number };
  rows(values: unknown[]): Row[];
};

export type LogFile = {
  exec(sql: string): void;
  prepare<Row extends unknown[] = never>(sql: string): Statement<Row>;
  readonly inTransaction: boolean;
  close(): void;
};

const wrap = (db: Database.Database): LogFile => ({
  exec: (sql) => void db.exec(sql),
  prepare: <Row extends unknown[]>(sql: string) => {
    const statement = db.prepare(sql);
    // Raw mode exists only for statements that give rows; for the others it would be an error.
    if (statement.reader) statement.raw();
    return {
      run: (values) => statement.run(values),
      rows: (values) => statement.all(values) as Row[],
    } satisfies Statement<Row>;
  },
  get inTransaction() {
    return db.inTransaction;
  },
  close: () => void db.close(),
});

/** The one connection that writes. Creates what is not there yet. `maxPages` of 4 KiB bound the file's size. */
export const openToWrite = (path: string, maxPages?: number): LogFile => {
  const db = new Database(path, { timeout: 5000 });
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL'); // the commit returns after its fsync: drivers differ in their default
  db.pragma('secure_delete = ON'); // truncated events leave no bytes behind
  db.pragma('cache_size = -32768');
  db.pragma('journal_size_limit = 67108864');
  if (maxPages) db.pragma(`max_page_count = ${maxPages}`);
  const [version] = db.prepare('PRAGMA user_version').raw().get([]) as [number];
  if (version > SCHEMA) {
    db.close();
    throw new Error(
      `${path} has schema version ${version}, this program knows ${SCHEMA}: use the newer program again`,
    );
  }
  if (version === 0) db.transaction(() => db.exec(TABLES)).immediate();
  return wrap(db);
};

/** A connection beside the writer's. The driver has no read-only mode that works on a WAL; `query_only` is it. */
export const openToRead = (path: string): LogFile => {
  const db = new Database(path, { timeout: 1000 });
  db.pragma('query_only = ON');
  return wrap(db);
};
