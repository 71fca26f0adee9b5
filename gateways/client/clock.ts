/** Time, which tests may turn themselves. */
export type Clock = {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls once after so many ms; what it returns calls that off. */
  after(ms: number, work: () => void): () => void;
};

export const systemClock: Clock = {
  now: () => Date.now(),
  after: (ms, work) => {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  },
};

/** Of `first`, doubled with each attempt up to `most`: any part of it, so that not all come back together. */
export const backoff = (
  attempt: number,
  { first, most, random }: { first: number; most: number; random: () => number },
): number => Math.min(most, first * 2 ** Math.min(attempt, 30)) * random();
