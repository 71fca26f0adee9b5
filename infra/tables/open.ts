import { join } from 'node:path';
import type { Tables } from '../../domain/ports/tables.ts';
import { SqliteTables } from './sqlite.ts';

/** `dataDir` is a folder that exists. */
export type TablesConfig = { readonly type: 'sqlite'; readonly dataDir: string };

/** Throws `TablesUnavailable`. */
export const openTables = (config: TablesConfig): Tables => {
  switch (config.type) {
    case 'sqlite':
      return new SqliteTables(join(config.dataDir, 'tables.db'));
  }
};
