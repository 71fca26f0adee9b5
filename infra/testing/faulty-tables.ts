import { type Tables, TablesUnavailable } from '../../domain/ports/tables.ts';

export type Fault = 'none' | 'before' | 'after';

/** Tables whose calls fail as `next` says: before they did anything, or after they did everything. */
export const faultyTables = (
  tables: Tables,
  next: (op: keyof Omit<Tables, symbol>, table?: string) => Fault,
): Tables => {
  const call = async <T>(fault: Fault, work: () => Promise<T>): Promise<T> => {
    if (fault === 'before') throw new TablesUnavailable('a fault, before');
    const result = await work();
    if (fault === 'after') throw new TablesUnavailable('a fault, after');
    return result;
  };
  return {
    get: (table, keys) => call(next('get', table), () => tables.get(table, keys)),
    query: (table, pk, range) => call(next('query', table), () => tables.query(table, pk, range)),
    write: (changes) => call(next('write'), () => tables.write(changes)),
    swap: (table, item, expected) => call(next('swap', table), () => tables.swap(table, item, expected)),
    [Symbol.asyncDispose]: () => tables[Symbol.asyncDispose](),
  };
};
