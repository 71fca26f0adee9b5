import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Streams } from '../domain/codec.ts';
import type { RecordedEvent } from '../domain/ports/event-store.ts';
import { type Change, TableLimit, type Tables } from '../domain/ports/tables.ts';
import type { AnyProjection, Sequenced } from './projection.ts';

/** The first event of a stream that a projection can't apply, and why. `code` holds nothing of the event's content. */
export type Poison = {
  readonly stream: string;
  readonly seq: number;
  readonly position: string;
  readonly code: string;
  readonly reason: string;
};

/** A projection and which events it is given. */
export type Target = {
  readonly projection: AnyProjection;
  readonly takes: (event: RecordedEvent) => boolean;
};

/** `read` gives nothing of other streams than it is asked for, and throws what their codec throws. */
export type Readable = {
  readonly event: RecordedEvent;
  readonly read: <E extends { type: string }>(streams: Streams<E>) => Sequenced<E> | undefined;
};

/**
 * Applies events, which are in order, to every target and resolves to each one's poison. A poisoned event and all later
 * ones of its stream are left out, for that projection only; everything else is applied.
 */
export const applyBatch = async (
  tables: Tables,
  targets: readonly Target[],
  events: readonly Readable[],
): Promise<ReadonlyMap<string, Poison>[]> => {
  const poisons = targets.map(() => new Map<string, Poison>());
  const entries: Entry[] = [];
  for (const { event, read } of events) {
    for (const [i, { projection, takes }] of targets.entries()) {
      const poison = poisons[i];
      if (!poison || poison.has(event.stream) || !takes(event)) continue;
      try {
        const sequenced = read(projection.streams);
        if (sequenced) entries.push({ event, poison, changes: projection.apply(sequenced) });
      } catch (error) {
        poison.set(event.stream, poisonOf(event, error));
      }
    }
  }
  for (const [n, some] of inWrites(entries).entries()) {
    if (n > 0) await nextTurn();
    // An event before it, in the write before, may have been refused.
    await writeAll(
      tables,
      some.filter((entry) => !isLeftOut(entry)),
    );
  }
  return poisons;
};

type Entry = {
  readonly event: RecordedEvent;
  readonly poison: Map<string, Poison>;
  readonly changes: readonly Change[];
};

/** What was poisoned may be later in the stream than this. */
const isLeftOut = ({ event, poison }: Entry): boolean =>
  event.revision >= (poison.get(event.stream)?.seq ?? Number.POSITIVE_INFINITY);

/** However many projections there are, an event is decoded once: a stream is of one kind only. */
export const readable = (event: RecordedEvent): Readable => {
  const { stream, revision: seq, position, recordedAt, type, data } = event;
  let decoded: Sequenced<unknown> | undefined;
  const read = <E extends { type: string }>({ of, codec }: Streams<E>) => {
    const conversationId = of(stream);
    if (conversationId === undefined) return undefined;
    decoded ??= { conversationId, seq, position, recordedAt, event: codec.decode(type, data) };
    return decoded as Sequenced<E>;
  };
  return { event, read };
};

const poisonOf = ({ stream, revision: seq, position }: RecordedEvent, error: unknown): Poison => {
  const { name, message } = error instanceof Error ? error : { name: 'unknown', message: String(error) };
  const code = error instanceof Error && 'code' in error ? String(error.code) : name;
  return { stream, seq, position, code, reason: message.slice(0, 500) };
};

/** Changes that are written at once: about 6 ms, in which the process answers nobody. An event with more of them goes alone. */
const WRITE = 512;

const inWrites = (entries: readonly Entry[]): Entry[][] => {
  const writes: Entry[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const entry of entries) {
    size += entry.changes.length;
    if (size > WRITE) {
      writes.push([]);
      size = entry.changes.length;
    }
    writes.at(-1)?.push(entry);
  }
  return writes;
};

const writeAll = async (tables: Tables, entries: readonly Entry[]): Promise<void> => {
  try {
    await tables.write(entries.flatMap((entry) => entry.changes));
  } catch (error) {
    if (!(error instanceof TableLimit)) throw error;
    await writeEach(tables, entries);
  }
};

/** One event at a time, to find out which of them was refused. */
const writeEach = async (tables: Tables, entries: readonly Entry[]): Promise<void> => {
  for (const entry of entries) {
    const { event, poison, changes } = entry;
    if (isLeftOut(entry)) continue;
    try {
      await tables.write(changes);
    } catch (error) {
      if (!(error instanceof TableLimit)) throw error;
      poison.set(event.stream, poisonOf(event, error));
    }
  }
};
