/** What time it is, and what happens later. Given to whatever waits, so that tests need not. */
export type Clock = {
  /** In ms. */
  readonly now: () => number;
  /** Calls `run` once after so many ms, unless the answer is called before. Does not keep the process alive. */
  readonly after: (ms: number, run: () => void) => () => void;
};
