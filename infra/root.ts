import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The project's folder, from the source as from what was built of it. */
export const root =
  [join(import.meta.dirname, '..'), join(import.meta.dirname, '../..')].find((folder) =>
    existsSync(join(folder, 'package.json')),
  ) ?? '.';
