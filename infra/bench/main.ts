import { Command, InvalidArgumentError } from 'commander';
import { benchConnections } from './connections.ts';
import { removeFolders } from './folder.ts';
import { benchGroup } from './group.ts';
import { benchHistory } from './history.ts';
import { benchImport } from './import.ts';
import { benchLatency } from './latency.ts';
import { cores, load, machine } from './machine.ts';
import { show } from './numbers.ts';
import type { BenchOptions } from './options.ts';
import { killAll } from './processes.ts';
import { benchReplay } from './replay.ts';
import { type Results, writeReport } from './report.ts';
import { benchSend } from './send.ts';
import { benchSlow } from './slow.ts';
import { benchStorm } from './storm.ts';
import { tables } from './tables.ts';
import { benchTyping } from './typing.ts';

const parts = {
  send: { run: benchSend, does: 'one-to-one messages, durable, a second' },
  latency: { run: benchLatency, does: 'how long a one-to-one message takes, at half of what can be carried' },
  group: { run: benchGroup, does: 'messages a second in one group of 1000' },
  typing: { run: benchTyping, does: 'how soon 1000 people see that somebody writes' },
  connections: { run: benchConnections, does: 'memory of an idle connection' },
  storm: { run: benchStorm, does: '5,000 sockets come back at once' },
  slow: { run: benchSlow, does: 'one in a hundred of a group reads nothing' },
  history: { run: benchHistory, does: 'a page of 50 from a long conversation, through the API' },
  import: { run: benchImport, does: '`parlance import irc`' },
  replay: { run: benchReplay, does: 'the log, folded in memory' },
} as const;
type Part = keyof typeof parts;
const names = Object.keys(parts) as Part[];

type Flags = {
  json?: boolean;
  quick?: boolean;
  report?: boolean;
  seconds?: number;
  rounds?: number;
  rate?: number;
  files?: string[];
};

/** Minutes; it usually takes six, under twenty-five, and forty. */
const LONGEST = { quick: 12, usual: 40, report: 75 } as const;

const whole = (value: string): number => {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError('It must be a whole number from 1 on.');
  return number;
};

const run = async (chosen: readonly Part[], flags: Flags): Promise<void> => {
  const { quick = false, report = false, json = false } = flags;
  const start = performance.now();
  const say = (line: string) =>
    process.stderr.write(`${((performance.now() - start) / 1000).toFixed(0).padStart(4)} s  ${line}\n`);
  const options: BenchOptions = {
    quick,
    seconds: flags.seconds ?? (quick ? 2 : 3),
    rounds: flags.rounds ?? (quick ? 1 : report ? 5 : 3),
    rate: flags.rate,
    thorough: report,
    files: flags.files ?? [],
    say,
  };
  const longest = quick ? LONGEST.quick : report ? LONGEST.report : LONGEST.usual;
  const late = setTimeout(() => stop(`took more than ${longest} minutes`), longest * 60_000);
  if (load() > machine().cores / 4) {
    say(
      `the load average is ${load()}: with other work on this machine, only ratios mean something, and runs may be void`,
    );
  }
  if (!cores()) say('one core only: the server and the loader share it');
  const results: Results = { machine: machine(), at: new Date().toISOString(), load: load(), options };
  for (const name of chosen) Object.assign(results, { [name]: await parts[name].run(options) });
  clearTimeout(late);
  if (report) say(`wrote ${(await writeReport(results)).join(', ')}`);
  if (!json) process.stdout.write(tables(results));
  else
    process.stdout.write(
      `${JSON.stringify(chosen.length === 1 && chosen[0] ? results[chosen[0]] : results)}\n`,
    );
  say(`done, load average ${show(load())}`);
};

const stop = (why: string): never => {
  process.stderr.write(`bench: ${why}\n`);
  process.exit(1);
};

process.on('exit', () => {
  killAll();
  removeFolders();
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => stop(`ended by ${signal}`));

const program = new Command('bench')
  .description(
    `Measures Parlance and a bare floor in turns.\n${names.map((name) => `  ${name.padEnd(12)} ${parts[name].does}`).join('\n')}`,
  )
  .argument('[part]', names.join(', '), (value: string): Part => {
    const found = names.find((name) => name === value);
    if (!found) throw new InvalidArgumentError(`It must be one of ${names.join(', ')}.`);
    return found;
  })
  .option('--json', 'print the results as one JSON object on the last line')
  .option('--quick', 'everything once and short')
  .option('--report', 'five rounds, and write infra/docs/benchmarks.md')
  .option('--seconds <number>', 'of each trial (default: 3, quick: 2)', whole)
  .option(
    '--rounds <number>',
    'product and floor in turns, so many times (default: 3, quick: 1, report: 5)',
    whole,
  )
  .option('--rate <number>', 'a second, of latency, typing, storm and slow', whole)
  .option('--files <logs...>', 'IRC logs to import (default: the packaged sample, multiplied)')
  .action((part: Part | undefined, flags: Flags) => run(part ? [part] : names, flags));

try {
  await program.parseAsync();
} catch (error) {
  stop(error instanceof Error ? (error.stack ?? error.message) : String(error));
}
