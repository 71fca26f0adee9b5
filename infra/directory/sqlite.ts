import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import {
  CompiledQuery,
  type DatabaseConnection,
  Kysely,
  SqliteAdapter,
  SqliteDialect,
  SqliteDriver,
} from 'kysely';
import Database from 'libsql';
import { type Directory, DirectoryUnavailable } from '../../domain/ports/directory.ts';
import { migrate } from './migrations.ts';
import { directoryIn } from './queries.ts';
import type { DirectoryTables } from './schema.ts';

const BUSY_MS = 5000;

/** A transaction that reads before it writes must not find out at its end that another process wrote meanwhile. */
class ImmediateDriver extends SqliteDriver {
  readonly #database: Database.Database;
  constructor(database: Database.Database) {
    super({ database });
    this.#database = database;
  }
  /** What SQLite has rolled back already (the disk is full) is over: another failure would hide why. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.inTransaction) await super.rollbackTransaction(connection);
  }
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }
}

class LibsqlDialect extends SqliteDialect {
  readonly #database: Database.Database;
  constructor(database: Database.Database) {
    super({ database });
    this.#database = database;
  }
  override createDriver() {
    return new ImmediateDriver(this.#database);
  }
  /** SQLite does roll tables back; a migration is done whole or not at all. */
  override createAdapter() {
    return new TransactionalAdapter();
  }
}

class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl() {
    return true;
  }
}

const taken = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  (error.code === 'SQLITE_CONSTRAINT_UNIQUE' || error.code === 'SQLITE_CONSTRAINT_PRIMARYKEY');

/**
 * The directory in one file, `<dataDir>/directory.db`, readable by its owner only (it holds the site's private keys); the
 * tables are in schema.ts. Runs on the calling thread: what it does is rare and short.
 */
export const openSqliteDirectory = async (dataDir: string): Promise<Directory> => {
  let database: Database.Database | undefined;
  try {
    mkdirSync(dataDir, { recursive: true });
    const path = join(dataDir, 'directory.db');
    closeSync(openSync(path, 'a', 0o600));
    database = new Database(path);
    database.pragma(`busy_timeout = ${BUSY_MS}`);
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    const db = new Kysely<DirectoryTables>({ dialect: new LibsqlDialect(database) });
    await migrate(db, 'sqlite');
    return directoryIn(db, taken);
  } catch (error) {
    database?.close();
    throw new DirectoryUnavailable(`the directory in ${dataDir} can't be opened`, { cause: error });
  }
};
