import type { Capacity } from './capacity.ts';
import { show } from './numbers.ts';

export type Cell = string | number | null | undefined;

export const table = (head: readonly string[], rows: readonly (readonly Cell[])[]): string => {
  const line = (cells: readonly Cell[]) =>
    `| ${cells.map((cell) => (typeof cell === 'string' ? cell : show(cell))).join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
};

export const range = (values: readonly number[]): string =>
  values.length === 0 ? '–' : `${show(Math.min(...values))}–${show(Math.max(...values))}`;

export const capacityRow = (
  name: string,
  { rate, p50, p99, cpuMicros, limitedByLoader, proven }: Capacity,
): Cell[] => [
  name,
  rate === 0 && !proven
    ? 'not measured'
    : `${show(rate)}${limitedByLoader ? ' or more' : proven ? '' : ' (unproven)'}`,
  p50,
  p99,
  cpuMicros,
];

/** What a reader must know before the figures. */
export const unsound = (sound: boolean): string[] =>
  sound
    ? []
    : [
        '> Not everything here was proven: the machine had other work, or the loader was the limit. Measure again.',
      ];
