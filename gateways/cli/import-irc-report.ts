import cliProgress from 'cli-progress';
import type { ImportIrcOptions, ImportIrcResult } from './import-irc.ts';

export type Out = {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
};

export type Bar = { readonly add: (messages: number) => void; readonly stop: () => void };

/** On a terminal, with the rate and the time left; nowhere else. */
export const progressBar = (total: number, { stderr }: Out, { json }: ImportIrcOptions): Bar => {
  if (stderr.isTTY !== true || json) return { add: () => {}, stop: () => {} };
  const format = '{bar} {percentage}%  {value} of {total} messages  {rate}/s  {eta_formatted} left';
  const bar = new cliProgress.SingleBar(
    { format, stream: stderr, hideCursor: true, clearOnComplete: true, etaBuffer: 50 },
    cliProgress.Presets.shades_classic,
  );
  const start = performance.now();
  let done = 0;
  bar.start(total, 0, { rate: '–' });
  return {
    add: (messages) => {
      done += messages;
      bar.update(done, { rate: count((done * 1000) / (performance.now() - start)) });
    },
    stop: () => bar.stop(),
  };
};

const count = (n: number): string => Math.round(n).toLocaleString('en');

const SHOWN = 20;

/** `problems` are lines such as `file:12: reason`. */
export const summary = (
  result: ImportIrcResult,
  problems: readonly string[],
  options: ImportIrcOptions,
): string => {
  const { added, ms } = result;
  const rate = added > 0 ? `, ${count((added * 1000) / Math.max(1, ms))} a second` : '';
  const rows: [string, string][] = [
    [
      'files',
      count(result.files) + (result.unreadable > 0 ? ` (and ${result.unreadable} that can’t be read)` : ''),
    ],
    ['conversations', count(result.conversations)],
    ['people', count(result.people)],
    ['messages', count(result.messages)],
    ['added', `${count(added)} in ${(ms / 1000).toFixed(1)} s${rate}`],
    ['skipped lines', count(result.skipped)],
    ...(result.madeRoom > 0
      ? [['made room', `${count(result.madeRoom)} people left a full conversation`] as [string, string]]
      : []),
    [
      'checked',
      result.checked
        ? 'every message of every file is in its conversation'
        : 'NO: messages are missing, see below',
    ],
    [
      'owner',
      result.owner ??
        'nobody yet: sign up (the first account owns the site), then import again to get access',
    ],
  ];
  const table = rows.map(([name, value]) => `${name.padEnd(15)}${value}`);
  const hidden = problems.length - SHOWN;
  const more = hidden > 0 ? [`… and ${count(hidden)} more (use --problems FILE to get all)`] : [];
  const list =
    options.problems === undefined
      ? problems.slice(0, SHOWN).concat(more)
      : [`${problems.length} problems: ${options.problems}`];
  return [...table, ...(problems.length > 0 ? ['', ...list] : []), ''].join('\n');
};
