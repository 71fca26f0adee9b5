import { readFile, stat, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { type ImportDeps, type ImportedLog, addIrcPeople, importIrcLog } from '../../commands/import-irc.ts';
import { type IrcLog, type IrcProblem, nicksOf } from '../../commands/irc-plan.ts';
import type { UserId } from '../../domain/id.ts';
import { NotALog, parseIrcLog } from './irc-log.ts';
import { type Out, progressBar, summary } from './import-irc-report.ts';

export type ImportIrcDeps = Out & {
  /** Opens what is written to, once there is something to write; `close` waits until everything is stored. */
  open(): Promise<ImportDeps & { close(): Promise<void> }>;
};

export type ImportIrcOptions = {
  readonly owner?: string;
  readonly channel?: string;
  readonly problems?: string;
  readonly json?: boolean;
};

export const addImportIrc = (importCommand: Command, deps: ImportIrcDeps): Command =>
  importCommand
    .command('irc')
    .summary('import logs of IRC channels')
    .description(
      'Turns each log into a group conversation with its people, joins, parts and messages at their original times.\n' +
        'A file’s name must have its date, such as 2004-12-25.txt. Importing a file again adds only what is new in it.',
    )
    .argument(
      '<files...>',
      'logs with lines such as “[12:34] <nick> text” and “=== nick [user@host] has joined #channel”',
    )
    .option(
      '--owner <username>',
      'the account that becomes owner of the conversations (default: the site’s owner)',
    )
    .option('--channel <name>', 'the channel’s name, where the log itself does not tell it')
    .option('--problems <file>', 'write every line that was not imported to this file, with the reason')
    .option('--json', 'print one JSON object on the last line')
    .action(async (files: string[], _options: ImportIrcOptions, command: Command) => {
      process.exitCode = await importIrc(files, command.optsWithGlobals<ImportIrcOptions>(), deps);
    });

/** `line` is missing when it is about the whole file. */
export type FileProblem = { readonly file: string; readonly line?: number; readonly reason: string };

export type ImportIrcResult = {
  files: number;
  conversations: number;
  people: number;
  messages: number;
  added: number;
  skipped: number;
  ms: number;
  /** Files that can't be read. */
  unreadable: number;
  /** People who left a full conversation so that others could speak. */
  madeRoom: number;
  /** Every message of every file is in its conversation's stream. */
  checked: boolean;
  owner: string | null;
  problems: FileProblem[];
};

const FILES_AT_ONCE = 4;
const JSON_PROBLEMS = 100;
const MAX_BYTES = 256 * 1024 * 1024;

/** Resolves to the exit code: 0 when everything is in, 1 when something failed, 2 when nothing was tried. */
export const importIrc = async (
  files: readonly string[],
  options: ImportIrcOptions,
  deps: ImportIrcDeps,
): Promise<number> => {
  const start = performance.now();
  const found = await survey(files);
  const written = found.readable.length > 0 ? await write(found, options, deps) : nothing;
  if (written === 'no_such_account') {
    deps.stderr.write(`parlance: there is no account ${options.owner}\n`);
    return 2;
  }
  const { imported, owner } = written;
  const of = (pick: (log: ImportedLog) => readonly IrcProblem[]) =>
    imported.flatMap(({ file, log }) => pick(log).map((problem) => ({ file, ...problem })));
  const notes = of((log) => log.notes);
  const lacking = imported
    .filter(({ log }) => log.stored !== log.messages)
    .map(({ file, log }) => ({
      file,
      reason: `has ${log.messages} messages, of which ${log.stored} are in its conversation`,
    }));
  const errors = [...found.errors, ...written.errors, ...of((log) => log.failed), ...lacking];
  const problems = [...errors, ...inOrder([...notes, ...found.skipped], found.readable)];
  if (options.problems !== undefined) {
    await writeFile(options.problems, problems.map((problem) => `${locate(problem)}\n`).join(''));
  }
  const result: ImportIrcResult = {
    files: found.readable.length,
    conversations: imported.length,
    people: found.people.size,
    messages: found.messages,
    added: imported.reduce((sum, { log }) => sum + log.added, 0),
    skipped: found.skipped.length,
    ms: Math.round(performance.now() - start),
    unreadable: found.errors.length,
    madeRoom: notes.length,
    checked: imported.length === found.readable.length && lacking.length === 0,
    owner: owner ?? null,
    problems: problems.slice(0, JSON_PROBLEMS),
  };
  deps.stdout.write(
    options.json ? `${JSON.stringify(result)}\n` : summary(result, problems.map(locate), options),
  );
  return errors.length === 0 ? 0 : 1;
};

type Readable = { readonly file: string; readonly messages: number; readonly channel: string | undefined };

/** Reads every file, for the people, the number of messages and what can't be imported. */
const survey = async (files: readonly string[]) => {
  const readable: Readable[] = [];
  const errors: FileProblem[] = [];
  const skipped: FileProblem[] = [];
  const people: ReturnType<typeof nicksOf> = new Map();
  const names = new Set<string>();
  for (const file of new Set(files)) {
    const log = await readLog(file, names);
    if ('reason' in log) {
      errors.push({ file, reason: log.reason });
      continue;
    }
    names.add(log.name);
    for (const [userId, seen] of nicksOf(log)) if (!people.has(userId)) people.set(userId, seen);
    for (const problem of log.skipped) skipped.push({ file, ...problem });
    readable.push({ file, messages: log.lines.filter(isMessage).length, channel: log.channel });
  }
  return {
    readable,
    errors,
    skipped,
    people,
    messages: readable.reduce((sum, file) => sum + file.messages, 0),
  };
};

type Written = {
  readonly imported: readonly { readonly file: string; readonly log: ImportedLog }[];
  readonly errors: readonly FileProblem[];
  readonly owner?: string | undefined;
};

const nothing: Written = { imported: [], errors: [] };

/** A few files at once: while one waits for the disk, the next ones are decided. */
const write = async (
  { readable, people, messages }: Awaited<ReturnType<typeof survey>>,
  options: ImportIrcOptions,
  deps: ImportIrcDeps,
): Promise<Written | 'no_such_account'> => {
  const target = await deps.open();
  try {
    const { owner: name } = options;
    const owner = await (name === undefined ? target.people.owner() : target.people.byUsername(name));
    if (name !== undefined && !owner) return 'no_such_account';
    await addIrcPeople(target.people, people);
    const bar = progressBar(messages, deps, options);
    const imported: { file: string; log: ImportedLog }[] = [];
    const errors: FileProblem[] = [];
    const channel = options.channel ?? commonChannel(readable);
    const waiting = readable.values();
    const worker = async () => {
      for (const { file } of waiting) {
        const log = await readLog(file);
        const outcome =
          'reason' in log
            ? log
            : await importLog(target, log, { channel, owner: owner?.userId, sent: bar.add });
        if ('reason' in outcome) errors.push({ file, reason: outcome.reason });
        else imported.push({ file, log: outcome });
      }
    };
    await Promise.all(Array.from({ length: FILES_AT_ONCE }, worker)).finally(bar.stop);
    return { imported, errors, owner: owner?.username };
  } finally {
    await target.close();
  }
};

/** Many logs don't name their channel; others of the same run may. */
const commonChannel = (readable: readonly Readable[]): string => {
  const [channel, ...others] = new Set(readable.flatMap((file) => file.channel ?? []));
  return channel !== undefined && others.length === 0 ? channel : 'IRC';
};

const isMessage = ({ kind }: IrcLog['lines'][number]) => kind === 'message' || kind === 'action';

const importLog = async (
  target: ImportDeps,
  log: IrcLog,
  { channel, ...options }: { channel: string; owner: UserId | undefined; sent: (messages: number) => void },
): Promise<ImportedLog | Unread> => {
  const title = `${(log.channel ?? channel).slice(0, 100)} ${new Date(log.date).toISOString().slice(0, 10)}`;
  try {
    return await importIrcLog(target, log, { title, ...options });
  } catch (error) {
    return { reason: reasonOf(error) };
  }
};

type Unread = { readonly reason: string };

/** A conversation is known by its file's name, so two files of one name in one run can't both be right. */
const readLog = async (file: string, taken?: ReadonlySet<string>): Promise<IrcLog | Unread> => {
  const name = basename(file);
  try {
    if (taken?.has(name)) throw new NotALog('another file of this name is being imported');
    const found = await stat(file);
    if (!found.isFile() && !found.isDirectory()) throw new NotALog('it is no ordinary file');
    const { size } = found;
    if (size > MAX_BYTES) throw new NotALog(`it has more than ${MAX_BYTES} bytes: split it`);
    return parseIrcLog(name, await readFile(file));
  } catch (error) {
    return { reason: reasonOf(error) };
  }
};

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder',
  EACCES: 'it may not be read',
};

const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  return reasons[code] ?? error.message;
};

const locate = ({ file, line, reason }: FileProblem): string =>
  line === undefined || line === 0 ? `${file}: ${reason}` : `${file}:${line}: ${reason}`;

const inOrder = (problems: readonly FileProblem[], files: readonly Readable[]): FileProblem[] => {
  const rank = new Map(files.map(({ file }, index) => [file, index]));
  const place = ({ file }: FileProblem) => rank.get(file) ?? 0;
  return problems.toSorted((a, b) => place(a) - place(b) || (a.line ?? 0) - (b.line ?? 0));
};
