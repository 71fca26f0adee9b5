import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folders = new Set<string>();

/** A folder that is gone when it is disposed of, or at the latest when the program ends. */
export const temporaryFolder = (): Disposable & { readonly path: string } => {
  const path = mkdtempSync(join(tmpdir(), 'parlance-bench-'));
  folders.add(path);
  return { path, [Symbol.dispose]: () => remove(path) };
};

const remove = (path: string) => {
  folders.delete(path);
  rmSync(path, { recursive: true, force: true });
};

export const removeFolders = (): void => {
  for (const path of folders) remove(path);
};
