import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The project's folder, from the source as from what was built of it. */
export const root =
  [join(import.meta.dirname, '..'), join(import.meta.dirname, '../..')].find((folder) =>
    existsSync(join(folder, 'package.json')),
  ) ?? '.';

export const readVersion = async (): Promise<string> => {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  return version;
};
