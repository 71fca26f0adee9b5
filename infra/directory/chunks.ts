/** Rows of one statement: well below what any database binds. */
export const ROWS = 200;

export const chunks = <T>(items: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(items.length / ROWS) }, (_, n) => items.slice(n * ROWS, (n + 1) * ROWS));
