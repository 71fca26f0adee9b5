import { LRUCache } from 'lru-cache';

export type AttemptSettings = {
  readonly failures: number;
  readonly windowMs: number;
  readonly remembered: number;
};

export const usualAttempts: AttemptSettings = { failures: 10, windowMs: 15 * 60_000, remembered: 20_000 };

/** Each of the two must be called once at most, when the outcome is known; without any the attempt counts as failed. */
export type Attempt = {
  /** The first key's failures are forgotten: it was its owner. The others' stay. */
  readonly succeeded: () => void;
  /** It was no attempt: nothing was compared. */
  readonly withdrawn: () => void;
};

/**
 * Failed sign-ins by key (a username, an address) within a window that begins with the first. An attempt counts from its
 * start, so that many at once don't slip through. In this process's memory, bounded: the least recent are forgotten.
 */
export class SignInAttempts {
  readonly #settings: AttemptSettings;
  readonly #now: () => number;
  readonly #failed: LRUCache<string, { count: number; readonly until: number }>;

  constructor(now: () => number, settings: AttemptSettings = usualAttempts) {
    this.#now = now;
    this.#settings = settings;
    this.#failed = new LRUCache({ max: settings.remembered });
  }

  /** An attempt that may go on, or how many ms it must wait. */
  begin(keys: readonly string[]): Attempt | number {
    const now = this.#now();
    const records = keys.map((key) => {
      const known = this.#failed.get(key);
      return known && known.until > now ? known : { count: 0, until: now + this.#settings.windowMs };
    });
    const full = records.filter(({ count }) => count >= this.#settings.failures);
    if (full.length > 0) return Math.max(...full.map(({ until }) => until - now));
    keys.forEach((key, n) => {
      const record = records[n];
      if (!record) return;
      record.count += 1;
      this.#failed.set(key, record);
    });
    const withdrawn = () => {
      for (const record of records) record.count = Math.max(0, record.count - 1);
    };
    const succeeded = () => {
      withdrawn();
      const [own] = records;
      if (own) own.count = 0;
    };
    return { succeeded, withdrawn };
  }
}
