import { Command, InvalidArgumentError } from 'commander';
import { fuzzCrash } from './crash.ts';

const whole = (text: string): number => {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('a whole number');
  return Number(text);
};
const out = (line: string) => void process.stdout.write(`${line}\n`);
const note = (line: string) => void process.stderr.write(`${line}\n`);

const program = new Command('fuzz').description('Looks for what breaks, at random; a seed repeats it.');

program
  .command('crash')
  .description('kills servers while clients send, and checks that nothing that was acknowledged is missing')
  .option('--runs <n>', 'how many', whole, 50)
  .option(
    '--seed <n>',
    "the first run's; each run after it has the next one",
    whole,
    Date.now() % 1_000_000_000,
  )
  .option('--parallel <n>', 'runs at a time', whole, 2)
  .option('--json', 'end with one object on one line')
  .action(async (options: { runs: number; seed: number; parallel: number; json?: true }) => {
    let done = 0;
    const stop = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
    const report = await fuzzCrash({
      ...options,
      signal: stop.signal,
      tell: (seed, run) => {
        done += 1;
        if ('error' in run) note(`seed ${seed}: ${String(run.error)}`);
        else for (const { kind, text } of run.problems.slice(0, 20)) note(`seed ${seed}: ${kind}: ${text}`);
        if ('error' in run || run.problems.length > 0)
          note(`seed ${seed}: repeat it with \`npm run fuzz -- crash --runs 1 --seed ${seed}\``);
        if (!options.json && done % 10 === 0) note(`${done} of ${options.runs} runs`);
      },
    });
    if (options.json) out(JSON.stringify(report));
    else for (const [name, value] of Object.entries(report)) out(`${name.padEnd(14)}${String(value)}`);
    process.exitCode = report.failedSeeds.length === 0 ? 0 : 1;
  });

await program.parseAsync();
