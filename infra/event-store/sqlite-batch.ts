import type { NewEvent } from '../../domain/ports/event-store.ts';

/** What the writer is asked to do. `truncate` removes at most `limit` of the events before a revision. */
export type Operation =
  | {
      readonly op: 'append';
      readonly stream: string;
      readonly expected: number;
      readonly events: readonly NewEvent[];
    }
  | { readonly op: 'truncate'; readonly stream: string; readonly before: number; readonly limit: number };

const kinds = ['appended', 'repeated', 'wrong', 'reused', 'truncated', 'failed'] as const;

/**
 * What became of an operation. `value` is the revision of its last event (`appended`; `repeated`, ES5), the stream's
 * actual revision (`wrong`), the index of the event whose id the stream holds already (`reused`), the number of events
 * removed (`truncated`). `position` is the last event's (`appended`, `repeated`).
 */
export type Outcome = {
  readonly is: (typeof kinds)[number];
  readonly value: number;
  readonly position: number;
};

/**
 * Operations as they cross to the worker: cloning many small arrays is slow, so that all ids, data and meta lie in one
 * transferred buffer, all numbers in another. Numbers of an append: stream, expected, count, then per event type, bytes of data,
 * bytes of meta; of a truncation: stream, before, -limit. Streams and types are indexes in `names`.
 */
export type Batch = {
  readonly count: number;
  readonly names: readonly string[];
  readonly numbers: Float64Array;
  readonly bytes: Uint8Array;
};

/**
 * `outcomes` are in the order of the operations, `recordedAt` is the time of all their events, `ms` how long they took,
 * `error` why some `failed`.
 */
export type Answer = {
  readonly recordedAt: number;
  readonly ms: number;
  readonly outcomes: Float64Array;
  readonly error: string | undefined;
};

export const ID_BYTES = 16;

/** Bytes that an operation takes in a batch. */
export const bytesOf = (operation: Operation): number =>
  operation.op === 'append'
    ? operation.events.reduce((sum, { data, meta }) => sum + ID_BYTES + data.byteLength + meta.byteLength, 0)
    : 0;

export const eventsOf = (operation: Operation): number =>
  operation.op === 'append' ? operation.events.length : 0;

export const packBatch = (operations: readonly Operation[]): Batch => {
  const numbers = new Float64Array(
    operations.reduce((sum, operation) => sum + 3 + 3 * eventsOf(operation), 0),
  );
  const bytes = Buffer.allocUnsafeSlow(operations.reduce((sum, operation) => sum + bytesOf(operation), 0));
  const names = new Map<string, number>();
  const nameOf = (name: string): number => {
    const known = names.get(name);
    if (known !== undefined) return known;
    names.set(name, names.size);
    return names.size - 1;
  };
  let n = 0;
  let b = 0;
  for (const operation of operations) {
    numbers[n++] = nameOf(operation.stream);
    numbers[n++] = operation.op === 'append' ? operation.expected : operation.before;
    numbers[n++] = operation.op === 'append' ? operation.events.length : -operation.limit;
    if (operation.op === 'truncate') continue;
    for (const { id, type, data, meta } of operation.events) {
      numbers[n++] = nameOf(type);
      numbers[n++] = data.byteLength;
      numbers[n++] = meta.byteLength;
      bytes.write(id.replaceAll('-', ''), b, 'hex');
      bytes.set(data, b + ID_BYTES);
      bytes.set(meta, b + ID_BYTES + data.byteLength);
      b += ID_BYTES + data.byteLength + meta.byteLength;
    }
  }
  return { count: operations.length, names: [...names.keys()], numbers, bytes };
};

/** One event of a batch; the arrays are views of the batch's bytes. */
export type PackedEvent = {
  readonly id: Uint8Array;
  readonly type: string;
  readonly data: Uint8Array;
  readonly meta: Uint8Array;
};
export type PackedOperation =
  | {
      readonly op: 'append';
      readonly stream: string;
      readonly expected: number;
      readonly events: readonly PackedEvent[];
    }
  | { readonly op: 'truncate'; readonly stream: string; readonly before: number; readonly limit: number };

export const unpackBatch = ({ count, names, numbers, bytes }: Batch): PackedOperation[] => {
  let n = 0;
  let b = 0;
  const number = (): number => numbers[n++] ?? Number.NaN;
  const name = (): string => names[number()] ?? '';
  const take = (length: number): Uint8Array => bytes.subarray(b, (b += length));
  const event = (): PackedEvent => {
    const [type, data, meta] = [name(), number(), number()];
    return { id: take(ID_BYTES), type, data: take(data), meta: take(meta) };
  };
  return Array.from({ length: count }, () => {
    const [stream, revision, size] = [name(), number(), number()];
    return size < 0
      ? { op: 'truncate', stream, before: revision, limit: -size }
      : { op: 'append', stream, expected: revision, events: Array.from({ length: size }, event) };
  });
};

export const packOutcomes = (outcomes: readonly Outcome[]): Float64Array =>
  Float64Array.from(outcomes.flatMap(({ is, value, position }) => [kinds.indexOf(is), value, position]));

export const unpackOutcome = (numbers: Float64Array, index: number): Outcome => {
  const [kind = -1, value = -1, position = -1] = numbers.subarray(index * 3, index * 3 + 3);
  return { is: kinds[kind] ?? 'failed', value, position };
};
