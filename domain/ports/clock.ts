/** What time it is, and what happens later. Given to whatever waits, so that tests need not. */
export type Clock = {
  /** In ms since some moment; it never goes back, whatever happens to the time of day. */
  readonly now: () => number;
  /** The time of day: ms since 1970. */
  readonly today: () => number;
  /** Calls `run` once after so many ms, unless the answer is called before. Does not keep the process alive. */
  readonly after: (ms: number, run: () => void) => () => void;
};
