/** A value that JSON can hold. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Both parts are non-empty strings; `sk` orders the items of a partition by its bytes of UTF-8. */
export type Key = { readonly pk: string; readonly sk: string };

/** `revision` says from which event of its conversation the item was last written. */
export type Item = Key & { readonly revision: number; readonly [attribute: string]: Json };

/**
 * One write. It takes effect only if the item is older (`stored.revision < revision`) or absent; otherwise it is passed
 * over silently: that is what makes applying an event twice harmless.
 * - `put` replaces the item.
 * - `update` sets and removes attributes and includes and excludes members of string sets (attributes that hold a
 *   sorted array without repeats; an empty set is no attribute). An absent item is passed over.
 * Nothing is deleted: what is over is marked so, and applying old changes again can't bring it back.
 */
export type Change =
  | { readonly op: 'put'; readonly table: string; readonly item: Item }
  | {
      readonly op: 'update';
      readonly table: string;
      readonly key: Key;
      readonly revision: number;
      readonly set?: Readonly<Record<string, Json>>;
      readonly remove?: readonly string[];
      readonly include?: Readonly<Record<string, string>>;
      readonly exclude?: Readonly<Record<string, string>>;
    };

/** `from` and `to` are inclusive bounds of `sk`. `after` is the `next` of the page before. */
export type Range = {
  readonly from?: string;
  readonly to?: string;
  readonly backwards?: boolean;
  readonly limit?: number;
  readonly after?: string;
};
export type Page = { readonly items: readonly Item[]; readonly next?: string };

export const tableLimits = {
  itemBytes: 400 * 1024,
  pageItems: 1000,
  writeChanges: 10_000,
  getKeys: 10_000,
} as const;

/**
 * Read models, on tables as DynamoDB has them: an item lives under a partition key and a sort key.
 *
 * - T1  `get` sees every write that has resolved.
 * - T2  `get` answers in the order of the keys, undefined where there is no item.
 * - T3  `query` gives one partition's items in the order of `sk`, forwards or backwards, within bounds, at most `limit`
 *       (1000); `next` is there exactly when more may follow.
 * - T4  `write` applies the changes of one item in the order given, each by its rule (see `Change`); changes of different
 *       items in any order. When it resolves all have been applied; when it throws, any part of them may have been.
 * - T5  Applying the same changes again, or a prefix of them, changes nothing, provided the revisions of each item don't fall.
 * - T6  `swap` writes an item only if the stored one has exactly the revision `expected` (undefined: only if absent) and
 *       says whether it did: compare-and-set, for checkpoints and leases.
 * - T7  Attributes come back as they were given. An item over 400 KiB, a page, write or get over its limit, an empty
 *       key: `TableLimit`, and nothing of it is applied.
 * - T8  Tables need not be declared; they don't see each other.
 * - T9  When the store can't answer it throws `TablesUnavailable`.
 */
export interface Tables extends AsyncDisposable {
  get(table: string, keys: readonly Key[]): Promise<readonly (Item | undefined)[]>;
  query(table: string, pk: string, range?: Range): Promise<Page>;
  write(changes: readonly Change[]): Promise<void>;
  swap(table: string, item: Item, expected: number | undefined): Promise<boolean>;
}

export class TableLimit extends Error {
  readonly code = 'table_limit';
}

export class TablesUnavailable extends Error {
  readonly code = 'tables_unavailable';
}

/** Sort keys of numbers: 16 digits keep the order of every safe integer. */
export const sortable = (n: number): string => String(n).padStart(16, '0');
