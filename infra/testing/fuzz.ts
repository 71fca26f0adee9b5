import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Command, InvalidArgumentError } from 'commander';
import { fuzzCrash } from './crash.ts';
import { type DeliveryReport, fuzzDelivery } from './delivery.ts';

const whole = (text: string): number => {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('a whole number');
  return Number(text);
};
const out = (line: string) => void process.stdout.write(`${line}\n`);
const note = (line: string) => void process.stderr.write(`${line}\n`);

const program = new Command('fuzz').description('Looks for what breaks, at random; a seed repeats it.');

const fuzz = (name: string, description: string, runs: number) =>
  program
    .command(name)
    .description(description)
    .option('--runs <n>', 'how many', whole, runs)
    .option(
      '--seed <n>',
      "the first run's; each run after it has the next one",
      whole,
      Date.now() % 1_000_000_000,
    )
    .option('--json', 'end with one object on one line');

/** Aborts when somebody has had enough: what has begun is finished, and reported. */
const interruption = (): AbortSignal => {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  return stop.signal;
};

const tellResult = (report: { readonly failedSeeds: readonly number[] }, json: true | undefined) => {
  if (json) out(JSON.stringify(report));
  else for (const [name, value] of Object.entries(report)) out(`${name.padEnd(14)}${String(value)}`);
  process.exitCode = report.failedSeeds.length === 0 ? 0 : 1;
};

fuzz(
  'crash',
  'kills servers while clients send, and checks that nothing that was acknowledged is missing',
  50,
)
  .option('--parallel <n>', 'runs at a time', whole, 2)
  .action(async (options: { runs: number; seed: number; parallel: number; json?: true }) => {
    let done = 0;
    const report = await fuzzCrash({
      ...options,
      signal: interruption(),
      tell: (seed, run) => {
        done += 1;
        if ('error' in run) note(`seed ${seed}: ${String(run.error)}`);
        else for (const { kind, text } of run.problems.slice(0, 20)) note(`seed ${seed}: ${kind}: ${text}`);
        if ('error' in run || run.problems.length > 0)
          note(`seed ${seed}: repeat it with \`npm run fuzz -- crash --runs 1 --seed ${seed}\``);
        if (!options.json && done % 10 === 0) note(`${done} of ${options.runs} runs`);
      },
    });
    tellResult(report, options.json);
  });

fuzz(
  'delivery',
  'lets people do anything over connections that break, and checks that everybody ends with what the log says',
  200,
)
  .option('--processes <n>', 'that share the runs', whole, 2)
  .action(async (options: { runs: number; seed: number; processes: number; json?: true }) => {
    const report =
      options.processes > 1
        ? await inProcesses(options)
        : await fuzzDelivery({ ...options, signal: interruption(), tell: complain });
    tellResult(report, options.json);
  });

const complain = (done: number, problems: ReadonlyMap<number, readonly string[]>) => {
  for (const [seed, texts] of problems) {
    for (const text of texts.slice(0, 10)) note(`seed ${seed}: ${text}`);
    note(`seed ${seed}: repeat it with \`npm run fuzz -- delivery --runs 1 --seed ${seed}\``);
  }
  if (done % 80 === 0) note(`${done} runs`);
};

/** The same in some processes, each with its part of the seeds. */
const inProcesses = async ({
  runs,
  seed,
  processes,
}: {
  runs: number;
  seed: number;
  processes: number;
}): Promise<DeliveryReport> => {
  const share = Math.ceil(runs / processes);
  const reports = await Promise.all(
    Array.from({ length: processes }, async (_, n): Promise<DeliveryReport | undefined> => {
      const [from, mine] = [seed + n * share, Math.min(share, runs - n * share)];
      if (mine <= 0) return undefined;
      const args = ['delivery', '--runs', String(mine), '--seed', String(from), '--processes', '1', '--json'];
      const child = spawn(process.execPath, [import.meta.filename, ...args], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      child.stdout.on('data', (data: Buffer) => (said += data.toString()));
      await once(child, 'close');
      return JSON.parse(said) as DeliveryReport;
    }),
  );
  const there = reports.filter((report) => report !== undefined);
  const sum = (of: (report: DeliveryReport) => number) =>
    there.reduce((total, report) => total + of(report), 0);
  return {
    runs: sum((report) => report.runs),
    operations: sum((report) => report.operations),
    drops: sum((report) => report.drops),
    kills: sum((report) => report.kills),
    differing: sum((report) => report.differing),
    failedSeeds: there.flatMap(({ failedSeeds }) => failedSeeds),
    ms: Math.max(...there.map(({ ms }) => ms)),
  };
};

await program.parseAsync();
