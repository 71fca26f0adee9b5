export type BenchOptions = {
  /** Of each trial. */
  readonly seconds: number;
  /** Of the parts that have one rate; undefined: the usual one. */
  readonly rate: number | undefined;
  /** Everything once and short. */
  readonly quick: boolean;
  /** Product and floor in turns, so many times. */
  readonly rounds: number;
  /** For the report: also what only a reader of it wants to know. */
  readonly thorough: boolean;
  /** Logs to import; without any, the packaged sample. */
  readonly files: readonly string[];
  /** A line about the progress. */
  readonly say: (line: string) => void;
};
