import type { ConnectionsResult } from './connections.ts';
import type { FixedResult } from './fixed-rate.ts';
import type { GroupResult } from './group.ts';
import type { LatencyResult } from './latency.ts';
import { show } from './numbers.ts';
import type { SlowResult } from './slow.ts';
import type { StormResult } from './storm.ts';
import { capacityRow, range, table, unsound } from './table.ts';
import type { TypingResult } from './typing.ts';

const MIB = 2 ** 20;
const mebibytes = (bytes: number | null) => (bytes === null ? null : bytes / MIB);

export const groupTable = (result: GroupResult): string => {
  const { members, rate, ratio, p99, floor, rounds, hastyFloor, deliveriesPerSecond } = result;
  const { cpuMicrosPerDelivery, floorCpuMicrosPerDelivery } = result;
  const head = [`group of ${show(members)}`, 'messages/s', 'p50 ms', 'p99 ms', 'CPU µs/message'];
  return [
    '## A group of 1000',
    ...unsound(result.sound),
    `**${show(rate)} messages a second at p99 ${show(p99)} ms, ${show(deliveriesPerSecond)} deliveries a second; ${show(ratio)} of the floor** (${range(rounds.map((one) => one.ratio))} over ${rounds.length} rounds; the floor: ${show(floor)}). CPU: ${show(cpuMicrosPerDelivery)} µs a delivery, the floor ${show(floorCpuMicrosPerDelivery)}.`,
    table(head, [
      ...rounds.flatMap((one, i) => [
        capacityRow(`round ${i + 1}, Parlance`, one.parlance),
        capacityRow(`round ${i + 1}, floor, 20 ms window`, one.floor),
      ]),
      ...(hastyFloor ? [capacityRow('floor that writes each commit at once', hastyFloor)] : []),
    ]),
  ].join('\n\n');
};

const fixedTable = (title: string, text: string, { sound, rounds }: FixedResult): string =>
  [
    `## ${title}`,
    ...unsound(sound),
    text,
    table(
      ['', 'p50 ms', 'p99 ms', 'CPU µs each'],
      rounds.flatMap(({ parlance, floor }, i) => [
        [`round ${i + 1}, Parlance`, parlance.p50, parlance.p99, parlance.cpuMicros],
        [`round ${i + 1}, floor`, floor.p50, floor.p99, floor.cpuMicros],
      ]),
    ),
  ].join('\n\n');

export const latencyTable = (result: LatencyResult): string =>
  fixedTable(
    'Latency of one-to-one messages',
    `**p99 ${show(result.p99)} ms, p50 ${show(result.p50)} ms at ${show(result.rate)} messages a second**${result.capacity ? `, half of what was carried just before (${show(result.capacity.rate)})` : ''}; the floor at the same rate: p99 ${show(result.floor)} ms.`,
    result,
  );

export const typingTable = (result: TypingResult): string =>
  fixedTable(
    'Typing',
    `**p99 ${show(result.p99)} ms, p50 ${show(result.p50)} ms** until all ${show(result.members)} members see that somebody writes, ${show(result.rate)} people a second; the floor: p99 ${show(result.floor)} ms.`,
    result,
  );

export const connectionsTable = (result: ConnectionsResult): string =>
  [
    '## Idle connections',
    `**${show(result.bytesPerConnection)} bytes resident a connection** from 2,000 to ${show(result.connections)}, each of another person who is signed in; the floor: ${show(result.floorBytesPerConnection)}.`,
    table(
      ['bytes a connection', 'Parlance', 'floor'],
      result.rounds.map(({ parlance, floor }, i) => [
        `round ${i + 1}`,
        parlance.bytesPerConnection,
        floor.bytesPerConnection,
      ]),
    ),
  ].join('\n\n');

export const stormTable = (result: StormResult): string =>
  [
    '## Everybody comes back at once',
    ...unsound(result.exact),
    `${show(result.sockets)} sockets come back at once with their tokens, each of which missed ${result.missedEach} messages, while others send ${show(result.rate)} one-to-one messages a second.`,
    table(
      ['all back, s', 'half back, s', 'p99 of the others, ms', 'before, ms', 'resident, MiB', 'peak, MiB'],
      [
        [
          show(result.back.all / 1000),
          result.back.p50 / 1000,
          result.p99,
          result.calmP99,
          mebibytes(result.residentBytes),
          mebibytes(result.peakBytes),
        ],
      ],
    ),
  ].join('\n\n');

export const slowTable = (result: SlowResult): string =>
  [
    '## Readers that stall',
    ...unsound(result.exact),
    `${result.stalled} of ${show(result.members)} members of a group read nothing any more, at ${show(result.rate)} messages a second of ${show(result.bytesPerMessage)} bytes; the server closed ${result.dropped} of them.`,
    table(
      ['p99 of the others, ms', 'all reading, ms', 'resident before, MiB', 'peak, MiB'],
      [
        [
          show(result.p99),
          result.allReadingP99,
          mebibytes(result.residentBytes),
          mebibytes(result.peakBytes),
        ],
      ],
    ),
  ].join('\n\n');
