import { conversationCodec } from '../domain/codec.ts';
import { conversationOf } from '../domain/id.ts';
import type { RecordedEvent } from '../domain/ports/event-store.ts';
import { type Change, TableLimit, type Tables, tableLimits } from '../domain/ports/tables.ts';
import type { Projection, Sequenced } from './projection.ts';

/** The first event of a stream that a projection can't apply, and why. `code` holds nothing of the event's content. */
export type Poison = {
  readonly stream: string;
  readonly seq: number;
  readonly position: string;
  readonly code: string;
  readonly reason: string;
};

/** A projection and which events it is given. */
export type Target = { readonly projection: Projection; readonly takes: (event: RecordedEvent) => boolean };

/** Throws what the codec throws. */
export type Readable = { readonly event: RecordedEvent; readonly decode: () => Sequenced | undefined };

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
  for (const { event, decode } of events) {
    for (const [i, { projection, takes }] of targets.entries()) {
      const poison = poisons[i];
      if (!poison || poison.has(event.stream) || !takes(event)) continue;
      try {
        const sequenced = decode();
        if (sequenced) entries.push({ event, poison, changes: projection.apply(sequenced) });
      } catch (error) {
        poison.set(event.stream, poisonOf(event, error));
      }
    }
  }
  for (const some of inWrites(entries)) await writeAll(tables, some);
  return poisons;
};

type Entry = {
  readonly event: RecordedEvent;
  readonly poison: Map<string, Poison>;
  readonly changes: readonly Change[];
};

/** However many projections there are, an event is decoded once. `decode` gives nothing for streams that are no conversation's. */
export const readable = (event: RecordedEvent): Readable => {
  const { stream, revision: seq, position, recordedAt, type, data } = event;
  const conversationId = conversationOf(stream);
  let sequenced: Sequenced | undefined;
  const decode = () => {
    if (conversationId === undefined) return undefined;
    sequenced ??= { conversationId, seq, position, recordedAt, event: conversationCodec.decode(type, data) };
    return sequenced;
  };
  return { event, decode };
};

const poisonOf = ({ stream, revision: seq, position }: RecordedEvent, error: unknown): Poison => {
  const { name, message } = error instanceof Error ? error : { name: 'unknown', message: String(error) };
  const code = error instanceof Error && 'code' in error ? String(error.code) : name;
  return { stream, seq, position, code, reason: message.slice(0, 500) };
};

/** As few writes as the limit allows. */
const inWrites = (entries: readonly Entry[]): Entry[][] => {
  const writes: Entry[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const entry of entries) {
    size += entry.changes.length;
    if (size > tableLimits.writeChanges) {
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
  for (const { event, poison, changes } of entries) {
    if (poison.has(event.stream)) continue;
    try {
      await tables.write(changes);
    } catch (error) {
      if (!(error instanceof TableLimit)) throw error;
      poison.set(event.stream, poisonOf(event, error));
    }
  }
};
