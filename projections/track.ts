import type { Seq } from '../domain/id.ts';
import { type EventStore, START } from '../domain/ports/event-store.ts';
import type { Item, Tables } from '../domain/ports/tables.ts';
import { applyBatch, type Poison, readable, type Target } from './batch.ts';
import { collect, type AnyProjection } from './projection.ts';

/**
 * How far a projection has come. `checkpoints`: pk = name, sk = 'checkpoint': {position}. `parked`: pk = name, sk = stream:
 * {seq, position, reason} of the first event that was not applied, or {healed: true, …}; nothing of that stream is
 * applied while it is parked.
 *
 * Several runners may work on the same tables. The checkpoint's revision guards the marks too: they are read after it,
 * and written before it is swapped. Who loses the swap reads both again.
 */
export type Track = {
  readonly projection: AnyProjection;
  position: string;
  /** Of the checkpoint; undefined while there is none. */
  revision: number | undefined;
  marks: Map<string, Mark>;
};

type Mark = { readonly seq: number; readonly revision: number; readonly healed: boolean };

export type Report = (
  what: 'parked' | 'healed',
  poison: Pick<Poison, 'stream' | 'seq'> & { readonly code?: string },
) => void;

export const createTrack = (projection: AnyProjection): Track => ({
  projection,
  position: START,
  revision: undefined,
  marks: new Map(),
});

export const isParked = (track: Track, stream: string): boolean => track.marks.get(stream)?.healed === false;

export const parkedStreams = (track: Track): string[] =>
  [...track.marks.keys()].filter((stream) => isParked(track, stream));

/** The first seq that any of the projections has left out of each stream, by the tables; undefined where there is none. */
export const parkedAt = async (
  tables: Tables,
  names: readonly string[],
  streams: readonly string[],
): Promise<(Seq | undefined)[]> => {
  const found = await Promise.all(
    names.map((pk) =>
      tables.get(
        'parked',
        streams.map((sk) => ({ pk, sk })),
      ),
    ),
  );
  return streams.map((_, i) => {
    const marks = found.flatMap((items) => (items[i] ? [markOf(items[i])] : []));
    const seqs = marks.flatMap(({ healed, seq }) => (healed ? [] : [seq]));
    return seqs.length > 0 ? Math.min(...seqs) : undefined;
  });
};

/** What the projection takes of a batch: neither what it has applied nor what is parked. */
export const targetOf = (track: Track): Target => ({
  projection: track.projection,
  takes: (event) => event.position > track.position && !isParked(track, event.stream),
});

export const load = async (tables: Tables, track: Track): Promise<void> => {
  const checkpoint = await readCheckpoint(tables, track);
  const marks = await collect(tables, 'parked', track.projection.name);
  // All at once: nobody may see the new position with the old marks.
  Object.assign(track, { ...checkpoint, marks: new Map(marks.map((item) => [item.sk, markOf(item)])) });
};

const readCheckpoint = async (
  tables: Tables,
  track: Track,
): Promise<Pick<Track, 'position' | 'revision'>> => {
  const [item] = await tables.get('checkpoints', [{ pk: track.projection.name, sk: 'checkpoint' }]);
  return { revision: item?.revision, position: (item?.['position'] as string | undefined) ?? START };
};

/** Parks what is poisoned, then moves the checkpoint. False if another runner was faster: the track is as that left it. */
export const moveTo = async (
  tables: Tables,
  track: Track,
  position: string,
  poisons: Iterable<Poison>,
  report: Report,
): Promise<boolean> => {
  for (const poison of poisons) {
    if (!(await park(tables, track, poison, report))) {
      await load(tables, track);
      return false;
    }
  }
  if (await swapCheckpoint(tables, track, position)) return true;
  await load(tables, track);
  return false;
};

const swapCheckpoint = async (tables: Tables, track: Track, position: string): Promise<boolean> => {
  const item = { pk: track.projection.name, sk: 'checkpoint', revision: (track.revision ?? 0) + 1, position };
  if (!(await tables.swap('checkpoints', item, track.revision))) return false;
  track.revision = item.revision;
  track.position = position;
  return true;
};

const park = async (tables: Tables, track: Track, poison: Poison, report: Report): Promise<boolean> => {
  const { stream, seq, position, reason, code } = poison;
  if (!(await swapMark(tables, track, stream, { seq, position, code, reason, healed: false }))) return false;
  report('parked', { stream, seq, code });
  return true;
};

const swapMark = async (
  tables: Tables,
  track: Track,
  stream: string,
  attributes: {
    readonly seq: number;
    readonly healed: boolean;
    readonly [name: string]: string | number | boolean;
  },
): Promise<boolean> => {
  const known = track.marks.get(stream)?.revision;
  const item: Item = { ...attributes, pk: track.projection.name, sk: stream, revision: (known ?? 0) + 1 };
  if (!(await tables.swap('parked', item, known))) return false;
  track.marks.set(stream, markOf(item));
  return true;
};

const markOf = ({ revision, seq, healed }: Item): Mark => ({
  revision,
  seq: seq as number,
  healed: healed === true,
});

/**
 * Tries a parked stream again from its parked event up to the checkpoint: what comes later will come by itself. The swap of the
 * checkpoint with itself makes other runners, who still pass the stream over, read the mark.
 */
export const heal = async (
  store: Pick<EventStore, 'read'>,
  tables: Tables,
  track: Track,
  stream: string,
  report: Report,
): Promise<void> => {
  const mark = track.marks.get(stream);
  if (!mark || mark.healed) return;
  let from = mark.seq;
  for (;;) {
    const end = await reapply(store, tables, track, stream, from);
    if (typeof end !== 'number') {
      if (!(await park(tables, track, end, report))) await load(tables, track);
      return;
    }
    from = end;
    if (!(await swapMark(tables, track, stream, { seq: from, healed: true }))) return load(tables, track);
    if (await swapCheckpoint(tables, track, track.position)) return report('healed', { stream, seq: from });
    Object.assign(track, await readCheckpoint(tables, track));
  }
};

/** Applies a stream from a seq up to the checkpoint, and resolves to the seq after that, or to what can't be applied. */
const reapply = async (
  store: Pick<EventStore, 'read'>,
  tables: Tables,
  track: Track,
  stream: string,
  from: number,
): Promise<number | Poison> => {
  const target = { projection: track.projection, takes: () => true };
  let next = from;
  for (;;) {
    const page = await store.read(stream, { from: next, limit: 256 });
    const passed = page.filter((event) => event.position <= track.position);
    const [poisons] = await applyBatch(tables, [target], passed.map(readable));
    const poison = poisons?.get(stream);
    if (poison) return poison;
    const last = passed.at(-1);
    if (!last || passed.length < page.length) return last ? last.revision + 1 : next;
    next = last.revision + 1;
  }
};
