/** A stream of choices that its seed determines: mulberry32, whose state is one 32-bit number. */
export const createRandom = (seed: number) => {
  let state = seed >>> 0;
  /** At least 0, less than 1. */
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  /** Both bounds are included. */
  const between = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
  return {
    next,
    between,
    chance: (probability: number): boolean => next() < probability,
    pick: <T>(some: readonly T[]): T | undefined => some[between(0, some.length - 1)],
    /** Another stream that this one's state determines. */
    fork: () => createRandom(between(0, 2 ** 32 - 1)),
  };
};

export type Random = ReturnType<typeof createRandom>;
