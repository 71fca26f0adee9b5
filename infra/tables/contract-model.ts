import fc from 'fast-check';
import type { Change, Item, Json, Key } from '../../domain/ports/tables.ts';

/** What the rules say, told once more in the plainest way: the contract holds adapters against it. */
export type Model = Map<string, { readonly table: string; readonly item: Item }>;

export const modelAfter = (model: Model, change: Change): void => {
  const { pk, sk } = change.op === 'put' ? change.item : change.key;
  const id = JSON.stringify([change.table, pk, sk]);
  const stored = model.get(id)?.item;
  const revision = change.op === 'put' ? change.item.revision : change.revision;
  if (stored && stored.revision >= revision) return;
  if (change.op === 'put') {
    model.set(id, { table: change.table, item: change.item });
  } else if (stored) {
    const next = new Map(Object.entries(stored));
    for (const [name, value] of Object.entries(change.set ?? {})) next.set(name, value);
    for (const name of change.remove ?? []) next.delete(name);
    for (const [name, member] of Object.entries(change.include ?? {})) {
      next.set(name, [...members(next, name), member].sort());
    }
    for (const [name, member] of Object.entries(change.exclude ?? {})) {
      next.set(
        name,
        members(next, name).filter((each) => each !== member),
      );
      if (members(next, name).length === 0) next.delete(name);
    }
    next.set('revision', revision);
    model.set(id, { table: change.table, item: Object.fromEntries(next) as Item });
  }
  // `include` of a member that is there already adds nothing.
  const item = model.get(id)?.item;
  for (const [name, value] of Object.entries(item ?? {})) {
    if (name.startsWith('set') && item)
      model.set(id, { table: change.table, item: { ...item, [name]: [...new Set(value as string[])] } });
  }
};

const members = (attributes: ReadonlyMap<string, Json>, name: string): string[] =>
  (attributes.get(name) ?? []) as string[];

/** In the order of UTF-8, which is that of code points. */
export const bySortKey = (a: Item, b: Item): number => Buffer.compare(Buffer.from(a.sk), Buffer.from(b.sk));

const pk = fc.constantFrom('p', 'q');
export const key: fc.Arbitrary<Key> = fc.record({
  pk,
  sk: fc.constantFrom('a', 'b', 'a b', 'é', '\uffee', '😀'),
});

/** What JSON can hold, which has no negative zero. */
export const anyJson = (depth?: number): fc.Arbitrary<Json> =>
  fc
    .jsonValue(depth === undefined ? {} : { maxDepth: depth })
    .map((json) => JSON.parse(JSON.stringify(json)) as Json);

const value: fc.Arbitrary<Json> = fc.oneof(anyJson(1), fc.constant('x'));
const name = fc.constantFrom('x', 'y', '__proto__');
const members1 = fc.dictionary(fc.constantFrom('set', 'set2'), fc.constantFrom('a', 'b', 'c'), {
  maxKeys: 1,
});

type Make = (left: string, right: string, revision?: number) => Change;

/** A change of one of two tables; sets and other attributes keep to their own names, as DynamoDB demands. */
export const change: fc.Arbitrary<Make> = fc
  .record({
    put: fc.boolean(),
    right: fc.boolean(),
    key,
    revision: fc.nat({ max: 20 }),
    set: fc.dictionary(name, value, { maxKeys: 2 }),
  })
  .chain((base) =>
    fc
      .record({ remove: fc.array(name, { maxLength: 1 }), include: members1, exclude: members1 })
      .map((rest): Make => {
        return (left, right, revision = base.revision) => {
          const table = base.right ? right : left;
          if (base.put) return { op: 'put', table, item: { ...base.set, ...base.key, revision } };
          const { include } = rest;
          const exclude = Object.fromEntries(
            Object.entries(rest.exclude).filter(([each]) => !(each in include)),
          );
          const remove = rest.remove.filter((each) => !Object.hasOwn(base.set, each));
          return { op: 'update', table, key: base.key, revision, set: base.set, remove, include, exclude };
        };
      }),
  );
