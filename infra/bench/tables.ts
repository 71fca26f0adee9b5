import type { Capacity } from './capacity.ts';
import type { HistoryResult } from './history.ts';
import type { ImportResult } from './import.ts';
import { show } from './numbers.ts';
import type { ReplayResult } from './replay.ts';
import type { Results } from './report.ts';
import type { SendResult, SendRound } from './send.ts';

type Cell = string | number | null | undefined;

const table = (head: readonly string[], rows: readonly (readonly Cell[])[]): string => {
  const line = (cells: readonly Cell[]) =>
    `| ${cells.map((cell) => (typeof cell === 'string' ? cell : show(cell))).join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
};

const range = (values: readonly number[]): string =>
  values.length === 0 ? '–' : `${show(Math.min(...values))}–${show(Math.max(...values))}`;

const capacityRow = (
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

const sendTable = (result: SendResult): string => {
  const { rounds, bothCores, corkedFloor, fsyncsPerMessage, floorFsyncsPerMessage, fsyncsAt } = result;
  const head = ['1:1, 200 pairs', 'messages/s', 'p50 ms', 'p99 ms', 'CPU µs/message'];
  const middle = <T>(side: 'parlance' | 'floor', pick: (one: Capacity) => T) =>
    rounds.map((one) => pick(one[side]));
  const rows = rounds.flatMap((one: SendRound, i) => [
    capacityRow(`round ${i + 1}, Parlance`, one.parlance),
    capacityRow(`round ${i + 1}, floor`, one.floor),
  ]);
  const more: Cell[][] = [];
  if (bothCores) {
    more.push(
      capacityRow('server on both cores, Parlance', bothCores.parlance),
      capacityRow('server on both cores, floor', bothCores.floor),
    );
  }
  if (corkedFloor) more.push(capacityRow('floor with one write a socket and commit', corkedFloor));
  const ratios = rounds.map(({ ratio }) => ratio);
  return [
    '## One-to-one messages',
    ...(result.sound
      ? []
      : [
          '> Not everything here was proven: the machine had other work, or the loader was the limit. Measure again.',
        ]),
    `**${show(result.rate)} messages a second at p99 ${show(result.p99)} ms; ${show(result.ratio)} of the floor** (${range(ratios)} over ${rounds.length} rounds; the floor: ${show(result.floor)}).`,
    table(head, [...rows, ...more]),
    table(
      [`at ${show(fsyncsAt)} messages/s`, 'fsyncs/message'],
      [
        ['Parlance', fsyncsPerMessage],
        ['floor', floorFsyncsPerMessage],
      ],
    ),
    `Spread of the capacities: Parlance ${range(middle('parlance', ({ rate }) => rate))}, floor ${range(middle('floor', ({ rate }) => rate))}.`,
  ].join('\n\n');
};

const historyTable = ({
  messages,
  requestsPerSecond,
  p50,
  p99,
  floorP50,
  floorP99,
  ratio,
  rounds,
}: HistoryResult): string =>
  [
    '## History',
    `A page of 50 from a random place among ${show(messages)} messages, ${requestsPerSecond} requests a second: ${show(ratio)} times as long as the floor (medians; ${range(rounds.map((one) => one.ratio))}).`,
    table(
      ['page of 50', 'p50 ms', 'p99 ms'],
      [
        ['Parlance', p50, p99],
        ['floor', floorP50, floorP99],
      ],
    ),
  ].join('\n\n');

type Rates = Pick<ImportResult, 'rate' | 'floor' | 'ratio' | 'rounds'>;

const rateTable = (
  title: string,
  text: string,
  unit: string,
  { rate, floor, ratio, rounds }: Rates,
): string => {
  const row = (name: string, one: { rate: number; floor: number; ratio: number }): Cell[] => [
    name,
    one.rate,
    one.floor,
    one.ratio,
  ];
  return [
    `## ${title}`,
    text,
    table(
      ['', `Parlance, ${unit}`, `floor, ${unit}`, 'ratio'],
      [...rounds.map((one, i) => row(`round ${i + 1}`, one)), row('**median**', { rate, floor, ratio })],
    ),
  ].join('\n\n');
};

const importTable = (result: ImportResult): string =>
  rateTable('Import', `${show(result.messages)} messages of ${result.files} IRC logs.`, 'messages/s', result);

const replayTable = (result: ReplayResult): string =>
  rateTable('Replay', `${show(result.events)} events of a log, folded in memory.`, 'events/s', result);

/** Everything that was measured, as Markdown. */
export const tables = ({ send, history, import: imported, replay }: Results): string =>
  `${[
    ...(send ? [sendTable(send)] : []),
    ...(history ? [historyTable(history)] : []),
    ...(imported ? [importTable(imported)] : []),
    ...(replay ? [replayTable(replay)] : []),
  ].join('\n\n')}\n`;
