import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import Database from 'libsql';
import { temporaryFolder } from './folder.ts';
import { type Calibration, calibrate, cores, load } from './machine.ts';
import { median, round, show } from './numbers.ts';
import type { BenchOptions } from './options.ts';
import { startNode } from './processes.ts';
import { parlance } from './servers.ts';

const GROUP = 1000;
const IMPORT_MS = 300_000;
const DAY_MS = 86_400_000;

export type ImportRound = { readonly rate: number; readonly floor: number; readonly ratio: number };

export type ImportResult = {
  readonly files: number;
  readonly messages: number;
  /** Messages a second, as the command itself counts them: until everything is stored. */
  readonly rate: number;
  /** Rows a second: the same messages into one table, a thousand a commit. */
  readonly floor: number;
  readonly ratio: number;
  readonly rounds: readonly ImportRound[];
  readonly load: number;
  readonly calibration: Calibration;
};

export const benchImport = async ({ quick, rounds, files, say }: BenchOptions): Promise<ImportResult> => {
  using logs = temporaryFolder();
  const chosen = files.length > 0 ? copied(files, logs.path) : multiplied(quick ? 20 : 100, logs.path);
  const calibration = await calibrate();
  const done: ImportRound[] = [];
  let messages = 0;
  for (let i = 0; i < rounds; i += 1) {
    const found = { parlance: 0, floor: 0 };
    for (const side of i % 2 === 0 ? (['parlance', 'floor'] as const) : (['floor', 'parlance'] as const)) {
      if (side === 'floor') found.floor = insertRate(chosen);
      else ({ rate: found.parlance, messages } = await importRate(chosen));
    }
    done.push({ rate: found.parlance, floor: found.floor, ratio: round(found.parlance / found.floor, 3) });
    say(
      `import: round ${i + 1}/${rounds} ${show(messages)} messages, ${show(found.parlance)}/s, floor ${show(found.floor)}/s`,
    );
  }
  const of = (pick: (one: ImportRound) => number) => median(done.map(pick));
  return {
    files: chosen.length,
    messages,
    rate: Math.round(of(({ rate }) => rate)),
    floor: Math.round(of(({ floor }) => floor)),
    ratio: round(
      of(({ ratio }) => ratio),
      3,
    ),
    rounds: done,
    load: load(),
    calibration,
  };
};

/** The packaged excerpts, each four times in a file, as so many files of different days. */
const multiplied = (count: number, folder: string): string[] => {
  const sample = join(import.meta.dirname, '../../../infra/testing/irc-sample');
  const excerpts = readdirSync(sample).filter((name) => name.endsWith('.raw.txt'));
  if (excerpts.length === 0) throw new Error(`there are no logs in ${sample}`);
  const texts = excerpts.map((name) => readFileSync(join(sample, name), 'utf8'));
  return Array.from({ length: count }, (_, i) => {
    const day = new Date(Date.UTC(2006, 0, 1) + i * DAY_MS).toISOString().slice(0, 10);
    const path = join(folder, `${day}.raw.txt`);
    writeFileSync(path, (texts[i % texts.length] ?? '').repeat(4));
    return path;
  });
};

const copied = (files: readonly string[], folder: string): string[] => {
  mkdirSync(folder, { recursive: true });
  return files.map((file) => {
    const path = join(folder, basename(file));
    cpSync(file, path);
    return path;
  });
};

const importRate = async (files: readonly string[]): Promise<{ rate: number; messages: number }> => {
  using folder = temporaryFolder();
  const env = { DATA_DIR: folder.path, LOG_LEVEL: 'warn' };
  const child = startNode(parlance(['import', 'irc', '--json', ...files]), { env, cpus: cores()?.both });
  await using _child = child;
  const [, json = ''] = await child.line(/^(\{.*"files":.*\})$/m, IMPORT_MS);
  const { messages, added, ms } = JSON.parse(json) as { messages: number; added: number; ms: number };
  if (added !== messages) throw new Error(`${added} of ${messages} messages were imported`);
  await child.ended;
  return { messages, rate: (added / ms) * 1000 };
};

const SPOKEN = /^\[(\d\d):(\d\d)\] (?:<([^>]+)>| \* (\S+)) (.*)$/;

const insertRate = (files: readonly string[]): number => {
  using folder = temporaryFolder();
  const start = performance.now();
  const db = new Database(join(folder.path, 'rows.db'));
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  db.exec('CREATE TABLE messages (conversation INTEGER, seq INTEGER, at INTEGER, nick TEXT, text TEXT)');
  const insert = db.prepare('INSERT INTO messages VALUES (?, ?, ?, ?, ?)');
  let rows = 0;
  db.exec('BEGIN');
  for (const [conversation, file] of files.entries()) {
    for (const [seq, line] of readFileSync(file, 'utf8').split('\n').entries()) {
      const [, hours, minutes, nick, actor, text] = SPOKEN.exec(line) ?? [];
      if (text === undefined) continue;
      insert.run(conversation, seq, Number(hours) * 60 + Number(minutes), nick ?? actor, text);
      rows += 1;
      if (rows % GROUP === 0) db.exec('COMMIT; BEGIN');
    }
  }
  db.exec('COMMIT');
  db.close();
  return (rows / (performance.now() - start)) * 1000;
};
