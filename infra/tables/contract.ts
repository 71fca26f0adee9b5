import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Change,
  type Item,
  type Key,
  type Range,
  sortable,
  TableLimit,
  type Tables,
  tableLimits,
} from '../../domain/ports/tables.ts';
import { anyJson, bySortKey, change, key, modelAfter, type Model } from './contract-model.ts';

/** Every adapter of tables passes this. `open` gives tables that hold nothing, or nothing under the names used before. */
export const tablesContract = (product: string, open: () => Promise<Tables>) =>
  describe(`tables on ${product}`, () => {
    let tables: Tables;
    let count = 0;
    const fresh = () => `contract-${process.pid}-${(count += 1)}`;
    const put = (table: string, item: Item): Change => ({ op: 'put', table, item });
    const one = async (table: string, of: Key) => (await tables.get(table, [of]))[0];
    const a: Key = { pk: 'p', sk: 'a' };

    beforeAll(async () => {
      tables = await open();
    });
    afterAll(() => tables[Symbol.asyncDispose]());

    it('T1 T2 gets what was written, in the order of the keys, undefined where there is nothing', async () => {
      const table = fresh();
      const items = ['c', 'a', 'b'].map((sk, i) => ({ pk: 'p', sk, revision: i, n: i }));
      await tables.write(items.map((item) => put(table, item)));
      const keys = ['b', 'nothing', 'c', 'a', 'b'].map((sk) => ({ pk: 'p', sk }));
      const [c, first, b] = items;
      expect(await tables.get(table, keys)).toEqual([b, undefined, c, first, b]);
      expect(await tables.get(table, [])).toEqual([]);
    });

    it('T1 gets ten thousand keys at once', async () => {
      const table = fresh();
      const items = Array.from({ length: tableLimits.getKeys }, (_, n) => ({
        pk: `p${n % 7}`,
        sk: sortable(n),
        revision: 0,
        n,
      }));
      await tables.write(items.map((item) => put(table, item)));
      expect(await tables.get(table, items)).toEqual(items);
    });

    it('T3 pages through one partition in the order of its sort keys, both ways, within bounds', async () => {
      const table = fresh();
      const numbers = Array.from({ length: 25 }, (_, n) => n * 3);
      await tables.write(
        [...numbers, 1000].map((n) =>
          put(table, { pk: n === 1000 ? 'other' : 'p', sk: sortable(n), revision: 1, n }),
        ),
      );
      const all = async (range: Range) => {
        const pages: (readonly Item[])[] = [];
        let after: string | undefined;
        do {
          const page = await tables.query(table, 'p', { ...range, ...(after !== undefined && { after }) });
          pages.push(page.items);
          after = page.next;
        } while (after !== undefined);
        return pages.flat().map((item) => item['n']);
      };
      const range = { from: sortable(7), to: sortable(60), limit: 4 };
      const within = numbers.filter((n) => n >= 7 && n <= 60);
      expect(await all(range)).toEqual(within);
      expect(await all({ ...range, backwards: true })).toEqual(within.toReversed());
      expect(await all({ limit: 25 })).toEqual(numbers);
      expect(await all({ from: sortable(73) })).toEqual([]);
      expect((await tables.query(table, 'p', { limit: 4 })).items).toHaveLength(4);
      expect(await tables.query(table, 'nobody')).toEqual({ items: [] });
    });

    it('T3 tells that there is more, and that there is no more', async () => {
      const table = fresh();
      await tables.write([1, 2, 3].map((n) => put(table, { pk: 'p', sk: sortable(n), revision: 1 })));
      const { next } = await tables.query(table, 'p', { limit: 2 });
      expect(next).toBeDefined();
      const rest = await tables.query(table, 'p', { limit: 2, after: next ?? '' });
      expect(rest.items.map(({ sk }) => sk)).toEqual([sortable(3)]);
      expect(rest).not.toHaveProperty('next');
    });

    it('T4 puts an item only over an older one', async () => {
      const table = fresh();
      await tables.write([put(table, { ...a, revision: 5, old: 1 })]);
      await tables.write([put(table, { ...a, revision: 5, same: 1 })]);
      await tables.write([put(table, { ...a, revision: 4, older: 1 })]);
      expect(await one(table, a)).toEqual({ ...a, revision: 5, old: 1 });
      await tables.write([put(table, { ...a, revision: 6, newer: 1 })]);
      expect(await one(table, a)).toEqual({ ...a, revision: 6, newer: 1 });
    });

    it('T4 updates attributes and string sets of an item that is there, and passes over one that is not', async () => {
      const table = fresh();
      const update = (revision: number, rest: Partial<Change>): Change =>
        ({ op: 'update', table, key: a, revision, ...rest }) as Change;
      await tables.write([update(9, { set: { x: 1 } })]);
      expect(await one(table, a)).toBeUndefined();
      await tables.write([
        put(table, { ...a, revision: 0, keep: true, drop: 'x' }),
        update(1, {
          set: { x: { deep: [1, null] } },
          remove: ['drop', 'never there'],
          include: { set: 'b' },
        }),
        update(2, { include: { set: 'a', 'other set': 'z' } }),
        update(2, { set: { x: 'same revision' } }),
        update(3, { include: { set: 'b' }, exclude: { 'other set': 'z' } }),
        update(4, { exclude: { set: 'not in it', 'no set': 'z' } }),
      ]);
      const expected = { ...a, revision: 4, keep: true, x: { deep: [1, null] }, set: ['a', 'b'] };
      expect(await one(table, a)).toEqual(expected);
      await tables.write([update(3, { set: { x: 'older' } })]);
      expect(await one(table, a)).toEqual(expected);
    });

    it('T4 gives what the rules give, whatever the changes and however they are grouped', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(change, { maxLength: 12 }), { maxLength: 6 }), async (writes) => {
          const [left, right] = [fresh(), fresh()];
          const named = writes.map((write) => write.map((make) => make(left, right)));
          const model: Model = new Map();
          for (const changes of named) {
            await tables.write(changes);
            for (const each of changes) modelAfter(model, each);
          }
          for (const table of [left, right]) {
            for (const pk of ['p', 'q']) {
              const expected = [...model.values()].filter(
                (entry) => entry.table === table && entry.item.pk === pk,
              );
              const items = expected.map((entry) => entry.item).sort(bySortKey);
              expect((await tables.query(table, pk)).items).toEqual(items);
              expect((await tables.query(table, pk, { backwards: true })).items).toEqual(items.toReversed());
            }
          }
        }),
        { numRuns: 60 },
      );
    });

    it('T5 applies changes again, all or a prefix of them, without effect', async () => {
      const inOrder = fc.array(change, { maxLength: 30 });
      const again = fc.array(fc.nat({ max: 30 }), { maxLength: 30 });
      await fc.assert(
        fc.asyncProperty(inOrder, again, async (makes, prefixes) => {
          const [once, often, other] = [fresh(), fresh(), fresh()];
          const at = (table: string) => makes.map((make, revision) => make(table, other, revision));
          await tables.write(at(once));
          const changes = at(often);
          for (const [i, each] of changes.entries()) {
            await tables.write([each]);
            await tables.write(changes.slice(0, Math.min(i + 1, prefixes[i] ?? 0)));
          }
          await tables.write(changes);
          for (const pk of ['p', 'q'])
            expect(await tables.query(often, pk)).toEqual(await tables.query(once, pk));
        }),
        { numRuns: 40 },
      );
    });

    it('T6 swaps an item only for the expected one, and says whether it did', async () => {
      const table = fresh();
      const item = (revision: number, by: string): Item => ({ ...a, revision, by });
      expect(await tables.swap(table, item(1, 'nobody there'), 0)).toBe(false);
      expect(await one(table, a)).toBeUndefined();
      expect(await tables.swap(table, item(1, 'first'), undefined)).toBe(true);
      expect(await tables.swap(table, item(2, 'late'), undefined)).toBe(false);
      expect(await tables.swap(table, item(2, 'wrong'), 0)).toBe(false);
      expect(await tables.swap(table, item(2, 'second'), 1)).toBe(true);
      expect(await one(table, a)).toEqual(item(2, 'second'));
      expect(await tables.swap(table, item(1, 'back'), 2)).toBe(true);
      expect(await one(table, a)).toEqual(item(1, 'back'));
    });

    it('T6 lets one of many win', async () => {
      const table = fresh();
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, n) => tables.swap(table, { ...a, revision: 1, n }, undefined)),
      );
      expect(results.filter(Boolean)).toHaveLength(1);
      expect(await one(table, a)).toMatchObject({ n: results.indexOf(true) });
    });

    it('T7 gives attributes back as they were given', async () => {
      const table = fresh();
      await fc.assert(
        fc.asyncProperty(
          fc.dictionary(fc.string({ unit: 'binary' }), anyJson()),
          key,
          async (attributes, of) => {
            count += 1;
            const item = { ...attributes, ...of, revision: count } as Item;
            await tables.write([put(table, item)]);
            const found = await one(table, of);
            expect(JSON.parse(JSON.stringify(found))).toEqual(JSON.parse(JSON.stringify(item)));
            expect(Object.keys(found ?? {}).sort()).toEqual(Object.keys(item).sort());
          },
        ),
      );
    });

    it('T7 keeps an item of nearly 400 KiB and refuses one over it, with nothing of its write', async () => {
      const table = fresh();
      const big = 'é'.repeat(tableLimits.itemBytes / 2 - 100);
      const escaped = '\u0001'.repeat(tableLimits.itemBytes - 200);
      await tables.write([
        put(table, { ...a, revision: 1, big }),
        put(table, { pk: 'p', sk: 'b', revision: 1, escaped }),
      ]);
      expect(await one(table, a)).toEqual({ ...a, revision: 1, big });
      expect(await one(table, { pk: 'p', sk: 'b' })).toMatchObject({ escaped });
      const grows: Change = { op: 'update', table, key: a, revision: 2, set: { more: 'x'.repeat(300) } };
      const huge = { ...a, revision: 3, big: `${big}${'x'.repeat(300)}` };
      for (const refused of [grows, put(table, huge)]) {
        const write = tables.write([put(table, { pk: 'p', sk: 'c', revision: 1 }), refused]);
        await expect(write).rejects.toThrow(TableLimit);
      }
      await expect(tables.swap(table, huge, 1)).rejects.toThrow(TableLimit);
      expect(await one(table, a)).toEqual({ ...a, revision: 1, big });
      expect(await one(table, { pk: 'p', sk: 'c' })).toBeUndefined();
    });

    it('T7 refuses empty keys and pages, writes and gets over their limits', async () => {
      const table = fresh();
      const many = Array.from({ length: tableLimits.writeChanges + 1 }, (_, n) => ({
        pk: 'p',
        sk: sortable(n),
        revision: 1,
      }));
      const refused = [
        () => tables.write(many.map((item) => put(table, item))),
        () => tables.get(table, many),
        () => tables.query(table, 'p', { limit: tableLimits.pageItems + 1 }),
        () => tables.query(table, 'p', { limit: 0 }),
        () => tables.query(table, ''),
        () => tables.get(table, [{ pk: '', sk: 'a' }]),
        () => tables.swap(table, { pk: 'p', sk: '', revision: 1 }, undefined),
        () => tables.write([put(table, { ...a, revision: 1 }), put(table, { pk: '', sk: 'a', revision: 1 })]),
        () => tables.write([{ op: 'update', table, key: { pk: 'p', sk: '' }, revision: 1 }]),
      ];
      for (const ask of refused) await expect(ask()).rejects.toThrow(TableLimit);
      expect(await tables.query(table, 'p')).toEqual({ items: [] });
    });

    it('T8 keeps tables apart', async () => {
      const [left, right] = [fresh(), fresh()];
      await tables.write([
        put(left, { ...a, revision: 1, of: left }),
        put(right, { ...a, revision: 2, of: right }),
      ]);
      expect(await one(left, a)).toMatchObject({ of: left });
      expect(await one(right, a)).toMatchObject({ of: right });
      expect(await one(fresh(), a)).toBeUndefined();
    });
  });
