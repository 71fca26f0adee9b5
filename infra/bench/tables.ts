import type { Capacity } from './capacity.ts';
import type { HistoryResult } from './history.ts';
import type { ImportResult } from './import.ts';
import { show } from './numbers.ts';
import type { ReplayResult } from './replay.ts';
import type { Results } from './report.ts';
import type { Round } from './duel.ts';
import type { SendResult } from './send.ts';
import {
  connectionsTable,
  groupTable,
  latencyTable,
  slowTable,
  stormTable,
  typingTable,
} from './shape-tables.ts';
import { type Cell, capacityRow, range, table, unsound } from './table.ts';

const sendTable = (result: SendResult): string => {
  const { rounds, bothCores, corkedFloor, fsyncsPerMessage, floorFsyncsPerMessage, fsyncsAt } = result;
  const head = ['1:1, 200 pairs', 'messages/s', 'p50 ms', 'p99 ms', 'CPU µs/message'];
  const middle = <T>(side: 'parlance' | 'floor', pick: (one: Capacity) => T) =>
    rounds.map((one) => pick(one[side]));
  const rows = rounds.flatMap((one: Round, i) => [
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
    ...unsound(result.sound),
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
export const tables = (results: Results): string =>
  `${[
    results.send && sendTable(results.send),
    results.latency && latencyTable(results.latency),
    results.group && groupTable(results.group),
    results.typing && typingTable(results.typing),
    results.connections && connectionsTable(results.connections),
    results.storm && stormTable(results.storm),
    results.slow && slowTable(results.slow),
    results.history && historyTable(results.history),
    results.import && importTable(results.import),
    results.replay && replayTable(results.replay),
  ]
    .filter((one) => one !== undefined)
    .join('\n\n')}\n`;
