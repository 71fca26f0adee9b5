/** What outlives a reload: texts under names, as in localStorage. `set` may throw when there is no room. */
export type KeyValue = {
  get(key: string): string | undefined;
  set(key: string, value: string): void;
  delete(key: string): void;
  keys(): Iterable<string>;
};

export const createMemory = (): KeyValue => {
  const values = new Map<string, string>();
  return {
    get: (key) => values.get(key),
    set: (key, value) => void values.set(key, value),
    delete: (key) => void values.delete(key),
    keys: () => [...values.keys()],
  };
};

/** The part of a store whose keys begin with `prefix`. Where there is no room, nothing is kept. */
export const under = (kv: KeyValue, prefix: string) => ({
  get: (key: string): string | undefined => kv.get(prefix + key),
  /** Whether it is kept. */
  set: (key: string, value: string): boolean => {
    try {
      kv.set(prefix + key, value);
      return true;
    } catch {
      return false;
    }
  },
  delete: (key: string): void => kv.delete(prefix + key),
  keys: (): string[] =>
    [...kv.keys()].flatMap((key) => (key.startsWith(prefix) ? [key.slice(prefix.length)] : [])),
});
export type Kept = ReturnType<typeof under>;
