import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Trial, rules } from './capacity.ts';
import type { ConnectionsResult } from './connections.ts';
import type { GroupResult } from './group.ts';
import type { HistoryResult } from './history.ts';
import type { ImportResult } from './import.ts';
import type { LatencyResult } from './latency.ts';
import type { Calibration, Machine } from './machine.ts';
import { median, show } from './numbers.ts';
import type { BenchOptions } from './options.ts';
import { type Series, barPlot, linePlot } from './plot.ts';
import type { ReplayResult } from './replay.ts';
import type { SendResult } from './send.ts';
import type { SlowResult } from './slow.ts';
import type { StormResult } from './storm.ts';
import { tables } from './tables.ts';
import type { TypingResult } from './typing.ts';

export type Results = {
  readonly machine: Machine;
  readonly at: string;
  /** The load average before it began. */
  readonly load: number;
  readonly options: BenchOptions;
  send?: SendResult;
  latency?: LatencyResult;
  group?: GroupResult;
  typing?: TypingResult;
  connections?: ConnectionsResult;
  storm?: StormResult;
  slow?: SlowResult;
  history?: HistoryResult;
  import?: ImportResult;
  replay?: ReplayResult;
};

const docs = join(import.meta.dirname, '../../../infra/docs');

/** Writes `infra/docs/benchmarks.md`, its plots and the raw results beside it; gives their paths in the project. */
export const writeReport = async (results: Results): Promise<string[]> => {
  const files = new Map<string, string>([
    ['benchmarks.md', page(results)],
    ['benchmarks/results.json', raw(results)],
  ]);
  const plot = results.send && sendPlot(results.send);
  if (plot) files.set('benchmarks/send.svg', plot);
  files.set('benchmarks/ratios.svg', barPlot('Parlance against the floor (1 = as fast)', ratios(results)));
  await mkdir(join(docs, 'benchmarks'), { recursive: true });
  for (const [name, text] of files) await writeFile(join(docs, name), text);
  return [...files.keys()].map((name) => `infra/docs/${name}`);
};

const raw = ({ options: { files, say: _say, ...options }, ...results }: Results): string =>
  `${JSON.stringify({ ...results, options: { ...options, files: files.length } }, null, 1)}\n`;

const ratios = ({ send, group, history, import: imported, replay }: Results): [string, number][] => [
  ...(send ? [['1:1 messages', send.ratio] as [string, number]] : []),
  ...(group ? [['group of 1000', group.ratio] as [string, number]] : []),
  ...(history ? [['history page', 1 / history.ratio] as [string, number]] : []),
  ...(imported ? [['import', imported.ratio] as [string, number]] : []),
  ...(replay ? [['replay', replay.ratio] as [string, number]] : []),
];

const sendPlot = ({ rounds }: SendResult): string | undefined => {
  const line = (side: 'parlance' | 'floor'): Series['points'] => {
    const byRate = new Map<number, number[]>();
    const sound = rounds
      .flatMap((one) => one[side].trials)
      .filter(({ verdict, sent }: Trial) => verdict !== 'void' && sent > 0);
    for (const { rate, p99 } of sound) byRate.set(rate, [...(byRate.get(rate) ?? []), p99]);
    return [...byRate].map(([rate, values]) => [rate, median(values)] as const).sort(([a], [b]) => a - b);
  };
  const [product, floor] = [line('parlance'), line('floor')];
  if (product.length + floor.length === 0) return undefined;
  return linePlot({
    title: 'Delivery of one-to-one messages by rate',
    x: 'messages a second',
    y: 'p99, ms',
    rule: rules.p99Ms,
    series: [
      { name: 'Parlance', colour: '#36c', points: product },
      { name: 'floor', colour: '#999', points: floor },
    ],
  });
};

type Around = { readonly calibration: Calibration; readonly load: number };

const page = (results: Results): string => {
  const { machine, at, load, options, send } = results;
  const around = (name: string, rounds: readonly Around[] = []): [string, Calibration, number][] =>
    rounds.map((one, i) => [
      rounds.length === 1 ? name : `${name}, round ${i + 1}`,
      one.calibration,
      one.load,
    ]);
  const calibrations = [
    ...around('1:1', send?.rounds),
    ...around('latency', results.latency?.rounds),
    ...around('group', results.group?.rounds),
    ...around('typing', results.typing?.rounds),
    ...around('storm', results.storm && [results.storm]),
    ...around('slow', results.slow && [results.slow]),
    ...around('history', results.history && [results.history]),
    ...around('import', results.import && [results.import]),
    ...around('replay', results.replay && [results.replay]),
  ];
  return [
    '# Benchmarks',
    'Written by `npm run bench -- --report`; the raw results are in [results.json](benchmarks/results.json). Absolute figures are this machine’s, ratios to the floor hold on others too.',
    `${machine.cores} cores (${machine.cpu}), ${machine.memoryGiB} GiB, ${machine.system}, Node ${machine.node}, ${at.slice(0, 10)}; load average ${show(load)} before it began.`,
    '![Ratios](benchmarks/ratios.svg)',
    ...(send && sendPlot(send) ? ['![Delivery by rate](benchmarks/send.svg)'] : []),
    tables(results).trimEnd(),
    '## Method',
    method(options),
    '## Around each measurement',
    [
      '| | fdatasync of 4 KiB, ms | echo over loopback, ms | load average |',
      '|---|--:|--:|--:|',
      ...calibrations.map(
        ([name, { fdatasync, echo }, average]) =>
          `| ${name} | ${show(fdatasync)} | ${show(echo)} | ${show(average)} |`,
      ),
    ].join('\n'),
    '',
  ].join('\n\n');
};

const method = ({ seconds, rounds }: BenchOptions): string =>
  `- The **floor** of sending is [one file](../bench/floor.ts): bare \`ws\`, \`JSON.parse\`, the next number of the conversation, one prepared
  insert with \`synchronous = FULL\`, group commit, then the acknowledgement and one prebuilt frame to the other person. No rights, no
  checks, no views, no send-once. That of a history page answers prebuilt rows of one query from a bare HTTP server; that of the import puts
  the same messages into one table, 1,000 a commit; that of the replay parses the rows of one table into a Map.
- Product and floor run in turns (A B B A), ${rounds} rounds; the ratio is the median of the rounds’ ratios.
- Sending is an **open loop**: message k is due at t0 + k / rate, the due time rides in the text, and the latency is the arrival at the other
  person less that. The loader is another process on raw sockets with hand-built frames, on a core of its own; the server has the other one,
  and in the second part both. Each server first gets 4,000 messages a second for 5 s, which don't count. A trial is ${seconds} s after a second of warm-up; it is void if the loader itself was late (p99 over ${rules.lagMs} ms)
  or busy (over ${rules.loaderCpu * 100} % of its core).
- **Capacity** is the highest rate on a ladder of ${rules.ladder}× with p99 under ${rules.p99Ms} ms, nothing missing, repeated or out of order, and everything
  acknowledged, three times out of three. One send in a hundred is repeated with the same id: acknowledged twice with the same seq, delivered once.
- **CPU** is that of the server with all its threads and children, until it is idle again after the last message: views included.
- In the **group** everybody has a socket and anybody writes. 20 witnesses, spread over the group to the last member, read everything; of
  all the others every frame's bytes are counted, and must be those of the witnesses to the byte. The floor gathers for 20 ms (it
  writes one buffer to all); it is shown as well when it writes each commit at once.
- **Typing** is another person of the group who begins to write each time, until each witness is told.
- **Latency** is measured at half of the product's capacity, found just before; the floor gets the same rate.
- **Connections**: resident memory of the server with 2,000 and with all sockets, signed in and idle, once it has settled and garbage has been
  collected (asked for from outside, of both); the slope. Two processes hold the sockets.
- **Coming back**: all sockets are cut, miss messages, and knock at the same moment with their tokens. Someone is back when they have been sent
  what they missed; that is counted.
- **fsyncs** are counted in a run of their own under \`strace\`, those of the views included.`;
