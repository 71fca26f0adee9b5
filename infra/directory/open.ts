import type { Directory } from '../../domain/ports/directory.ts';
import { openSqliteDirectory } from './sqlite.ts';

export type DirectoryConfig = { readonly type: 'sqlite'; readonly dataDir: string };

/** Throws `DirectoryUnavailable`. */
export const openDirectory = (config: DirectoryConfig): Promise<Directory> => {
  switch (config.type) {
    case 'sqlite':
      return openSqliteDirectory(config.dataDir);
  }
};
