import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryFolder } from './folder.ts';
import { type Calibration, calibrate, cores, load } from './machine.ts';
import { median, percentile, round, show } from './numbers.ts';
import type { BenchOptions } from './options.ts';
import { untilIdle } from './processes.ts';
import { seedConversation } from './seed.ts';
import { startPages, startProduct } from './servers.ts';

const RATE = 50;
const PAGE = 50;
const CATCH_UP_MS = 120_000;
const ANSWER_MS = 10_000;

type Latencies = { readonly p50: number; readonly p99: number };
export type HistoryRound = {
  readonly parlance: Latencies;
  readonly floor: Latencies;
  readonly ratio: number;
};

export type HistoryResult = {
  readonly messages: number;
  readonly requestsPerSecond: number;
  /** Milliseconds from when a request was due to the end of its answer. */
  readonly p50: number;
  readonly p99: number;
  readonly floorP50: number;
  readonly floorP99: number;
  /** Of the medians: how many times as long as the floor takes. */
  readonly ratio: number;
  readonly rounds: readonly HistoryRound[];
  readonly load: number;
  readonly calibration: Calibration;
};

/** A page of 50 from a random place of a long conversation, fifty times a second. */
export const benchHistory = async ({ seconds, quick, rounds, say }: BenchOptions): Promise<HistoryResult> => {
  const messages = quick ? 20_000 : 100_000;
  using productFolder = temporaryFolder();
  using floorFolder = temporaryFolder();
  say(`history: writing ${show(messages)} messages`);
  const { token, conversationId } = await seedConversation(productFolder.path, messages);
  const place = cores();
  await using parlance = await startProduct({ dataDir: productFolder.path, cpus: place?.server });
  await using floor = await startPages({ dataDir: floorFolder.path, messages, cpus: place?.server });

  const authorization = `Bearer ${token}`;
  const path = `/v1/conversations/${conversationId}/messages`;
  const ask = (before: number) =>
    get(`${parlance.url}${path}?before=${before}&limit=${PAGE}`, { authorization });
  const askFloor = (before: number) => get(`${floor.url}/?before=${before}`, {});
  say('history: waiting for the views');
  await untilThere(() => get(`${parlance.url}${path}?limit=1`, { authorization }), messages + 2);
  await untilIdle(parlance.child.pid, CATCH_UP_MS);

  const calibration = await calibrate();
  const done: HistoryRound[] = [];
  const sides = {
    parlance: () => measure(2 * seconds, messages, ask),
    floor: () => measure(2 * seconds, messages, askFloor),
  };
  await measure(1, messages, ask);
  await measure(1, messages, askFloor);
  for (let i = 0; i < rounds; i += 1) {
    const found: Partial<Record<keyof typeof sides, Latencies>> = {};
    for (const side of i % 2 === 0 ? (['parlance', 'floor'] as const) : (['floor', 'parlance'] as const)) {
      found[side] = await sides[side]();
    }
    const nothing = { p50: Number.NaN, p99: Number.NaN };
    const { parlance: a = nothing, floor: b = nothing } = found;
    done.push({ parlance: a, floor: b, ratio: round(a.p50 / b.p50) });
    say(
      `history: round ${i + 1}/${rounds} p50 ${show(a.p50)} p99 ${show(a.p99)} ms, floor ${show(b.p50)} and ${show(b.p99)}`,
    );
  }
  const of = (pick: (one: HistoryRound) => number) => round(median(done.map(pick)));
  return {
    messages,
    requestsPerSecond: RATE,
    p50: of(({ parlance: { p50 } }) => p50),
    p99: of(({ parlance: { p99 } }) => p99),
    floorP50: of(({ floor: { p50 } }) => p50),
    floorP99: of(({ floor: { p99 } }) => p99),
    ratio: of(({ ratio }) => ratio),
    rounds: done,
    load: load(),
    calibration,
  };
};

const untilThere = async (ask: () => Promise<string>, lastSeq: number) => {
  for (const until = performance.now() + CATCH_UP_MS; performance.now() < until; await sleep(200)) {
    // Until the view knows the conversation at all, the answer is that there is none.
    const page = await ask().catch(() => '{}');
    if ((JSON.parse(page) as { lastSeq?: number }).lastSeq === lastSeq) return;
  }
  throw new Error(`the views did not catch up in ${CATCH_UP_MS} ms`);
};

/** Open loop: a slow answer does not put off the next request. */
const measure = async (
  seconds: number,
  messages: number,
  ask: (before: number) => Promise<string>,
): Promise<Latencies> => {
  const count = RATE * seconds;
  const t0 = performance.now() + 20;
  const answers: Promise<number>[] = [];
  for (let k = 0; k < count; k += 1) {
    const due = t0 + (k * 1000) / RATE;
    await until(due);
    const before = PAGE + 3 + Math.floor(Math.random() * (messages - PAGE));
    answers.push(
      ask(before).then((body) => {
        const took = performance.now() - due;
        const items = body.split('"kind":"message"').length - 1;
        if (items !== PAGE) throw new Error(`a page before ${before} has ${items} messages, not ${PAGE}`);
        return took;
      }),
    );
  }
  const sorted = (await Promise.all(answers)).sort((a, b) => a - b);
  return { p50: round(percentile(sorted, 0.5), 3), p99: round(percentile(sorted, 0.99), 3) };
};

/** Timers are a millisecond late, which is as long as an answer takes: the end of the wait is spent turning. */
const until = async (due: number) => {
  const left = due - performance.now();
  if (left > 3) await sleep(left - 3);
  while (performance.now() < due) await new Promise((resolve) => setImmediate(resolve));
};

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

const get = (url: string, headers: Record<string, string>): Promise<string> =>
  new Promise((resolve, reject) => {
    const asked = request(url, { agent, headers, timeout: ANSWER_MS }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        if (response.statusCode === 200) resolve(body);
        else reject(new Error(`${response.statusCode}: ${body.slice(0, 200)}`));
      });
    });
    asked.on('timeout', () => asked.destroy(new Error(`no answer in ${ANSWER_MS} ms`)));
    asked.on('error', reject);
    asked.end();
  });
