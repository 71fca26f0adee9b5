import { join } from 'node:path';
import Database from 'libsql';
import { conversationCodec } from '../../domain/codec.ts';
import { type ConversationState, evolve, forget, initial } from '../../domain/conversation-state.ts';
import { type EventStore, START } from '../../domain/ports/event-store.ts';
import { openEventStore } from '../event-store/open.ts';
import { temporaryFolder } from './folder.ts';
import { type Calibration, calibrate, load } from './machine.ts';
import { median, round, show } from './numbers.ts';
import type { BenchOptions } from './options.ts';
import { seedLog } from './seed.ts';

const CONVERSATIONS = 200;

export type ReplayRound = { readonly rate: number; readonly floor: number; readonly ratio: number };

export type ReplayResult = {
  readonly events: number;
  /** Events a second: read through the port, decoded and checked, folded into the states of the conversations. */
  readonly rate: number;
  /** Rows a second: objects from SQLite, parsed, into a Map. */
  readonly floor: number;
  readonly ratio: number;
  readonly rounds: readonly ReplayRound[];
  readonly load: number;
  readonly calibration: Calibration;
};

export const benchReplay = async ({ quick, rounds, say }: BenchOptions): Promise<ReplayResult> => {
  const messages = quick ? 50_000 : 300_000;
  using folder = temporaryFolder();
  await using store = await openEventStore({ type: 'sqlite', dataDir: folder.path });
  say(`replay: writing ${show(messages)} messages of ${CONVERSATIONS} conversations`);
  await seedLog(store, CONVERSATIONS, messages);
  const rows = await copyOf(store, join(folder.path, 'rows.db'));
  const calibration = await calibrate();
  const done: ReplayRound[] = [];
  for (let i = 0; i < rounds; i += 1) {
    const found = { parlance: 0, floor: 0 };
    for (const side of i % 2 === 0 ? (['parlance', 'floor'] as const) : (['floor', 'parlance'] as const)) {
      found[side] = side === 'parlance' ? await foldRate(store) : floorRate(rows.db);
    }
    done.push({ rate: found.parlance, floor: found.floor, ratio: round(found.parlance / found.floor, 3) });
    say(
      `replay: round ${i + 1}/${rounds} ${show(found.parlance)} events/s, floor ${show(found.floor)} rows/s`,
    );
  }
  rows.db.close();
  const of = (pick: (one: ReplayRound) => number) => median(done.map(pick));
  return {
    events: rows.count,
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

const foldRate = async (store: EventStore): Promise<number> => {
  const start = performance.now();
  const states = new Map<string, ConversationState>();
  let events = 0;
  let after: string = START;
  for (;;) {
    const page = await store.readAll(after);
    for (const { stream, type, data } of page) {
      const state = states.get(stream) ?? initial();
      if (state.revision === -1) states.set(stream, state);
      evolve(state, conversationCodec.decode(type, data));
      forget(state);
    }
    events += page.length;
    const last = page.at(-1);
    if (!last) break;
    after = last.position;
  }
  return (events / (performance.now() - start)) * 1000;
};

const floorRate = (db: Database.Database): number => {
  const start = performance.now();
  const conversations = new Map<string, { revision: number; last: unknown }>();
  let rows = 0;
  for (const row of db.prepare('SELECT stream, revision, data FROM rows ORDER BY position').iterate()) {
    const { stream, revision, data } = row as { stream: string; revision: number; data: string };
    conversations.set(stream, { revision, last: JSON.parse(data) as unknown });
    rows += 1;
  }
  return (rows / (performance.now() - start)) * 1000;
};

/** The same events in a table of the floor's own. */
const copyOf = async (store: EventStore, path: string) => {
  const db = new Database(path);
  db.exec(
    'PRAGMA journal_mode = WAL; CREATE TABLE rows (position INTEGER PRIMARY KEY, stream TEXT, revision INTEGER, data TEXT)',
  );
  const insert = db.prepare('INSERT INTO rows (stream, revision, data) VALUES (?, ?, ?)');
  let count = 0;
  let after: string = START;
  for (;;) {
    const page = await store.readAll(after);
    db.exec('BEGIN');
    for (const { stream, revision, data } of page)
      insert.run(stream, revision, Buffer.from(data).toString('utf8'));
    db.exec('COMMIT');
    count += page.length;
    const last = page.at(-1);
    if (!last) return { db, count };
    after = last.position;
  }
};
