import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import type { EventStore } from '../../domain/ports/event-store.ts';
import { projections } from '../../projections/all.ts';
import { runProjections } from '../../projections/run.ts';
import { openTables } from '../tables/open.ts';

/** An item that the views hold in another form than a rebuild, or that only one of the two has. */
export type Difference = { readonly item: string; readonly live?: string; readonly rebuilt?: string };

/** The runner's own notes say how the views came about, not what they say. */
const NOTES = new Set(['checkpoints', 'parked']);
const REBUILD_MS = 60_000;

/** Every item of the embedded tables in a folder, with attributes in one order. */
const dump = (folder: string): Map<string, string> => {
  const db = new Database(join(folder, 'tables.db'), { timeout: 5000 });
  try {
    const rows = db.prepare('SELECT tab, pk, sk, revision, attributes FROM items').raw().all([]) as [
      string,
      string,
      string,
      number,
      string,
    ][];
    return new Map(
      rows
        .filter(([table]) => !NOTES.has(table))
        .map(([table, pk, sk, revision, attributes]) => [
          `${table} ${pk} ${sk}`,
          `${revision} ${canonical(JSON.parse(attributes))}`,
        ]),
    );
  } finally {
    db.close();
  }
};

const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );

/**
 * Builds the views anew from the log, and compares them with those in the folder, which must have come to the log's end and
 * be closed: what is not committed yet can't be seen from outside.
 */
export const compareWithRebuild = async (store: EventStore, folder: string): Promise<Difference[]> => {
  const fresh = await mkdtemp(join(tmpdir(), 'parlance-rebuild-'));
  try {
    await rebuild(store, fresh);
    const [live, rebuilt] = [dump(folder), dump(fresh)];
    return [...new Set([...live.keys(), ...rebuilt.keys()])].flatMap((item) => {
      const [ours, theirs] = [live.get(item), rebuilt.get(item)];
      if (ours === theirs) return [];
      return [
        { item, ...(ours !== undefined && { live: ours }), ...(theirs !== undefined && { rebuilt: theirs }) },
      ];
    });
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
};

const rebuild = async (store: EventStore, folder: string): Promise<void> => {
  await using tables = openTables({ type: 'sqlite', dataDir: folder });
  await using running = runProjections({ store, tables, projections });
  if (!(await running.reached(await store.end(), REBUILD_MS)))
    throw new Error(`the views were not rebuilt within ${REBUILD_MS} ms`);
};
