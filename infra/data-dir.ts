import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import Database from 'libsql';

/** Another process has the data folder open. */
export class DataDirInUse extends Error {
  readonly code = 'data_dir_in_use';
  constructor(path: string) {
    super(
      `the data folder ${path} is in use by another process: stop that one, or set DATA_DIR to another folder for this one`,
    );
  }
}

export type DataDir = AsyncDisposable & { readonly path: string };

/**
 * Makes the folder (for its owner only) where it is missing, and holds it for this process. The lock is an open
 * transaction on `lock.db`, so that it ends with the process, however that ends. Throws `DataDirInUse`.
 */
export const openDataDir = (folder: string): DataDir => {
  const path = resolve(folder);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const lock = new Database(join(path, 'lock.db'), { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    throw error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY'
      ? new DataDirInUse(path)
      : error;
  }
  return {
    path,
    async [Symbol.asyncDispose]() {
      if (!lock.open) return;
      lock.exec('ROLLBACK');
      lock.close();
    },
  };
};
