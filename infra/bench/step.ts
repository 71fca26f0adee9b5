import { ackOf, afterText, nextText, seqAfter, textDue, textK, textOf, textStep } from './dialect.ts';
import { percentile, round } from './numbers.ts';
import type { Audience } from './audience.ts';

/** One send in this many is repeated with the same id. */
const REPEAT_EVERY = 100;
const REPEAT_AFTER_MS = 40;
/** A server that is this far behind will not catch up: the step ends early. */
const HOPELESS_SECONDS = 1;

export type StepResult = {
  readonly rate: number;
  readonly sent: number;
  /** Milliseconds from when a message was due to its arrival at the other person. */
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  readonly missing: number;
  readonly unacknowledged: number;
  readonly repeated: number;
  readonly reordered: number;
  /** Sockets of a group whose bytes are not those of the others. */
  readonly inexact: number;
  readonly saturated: boolean;
  readonly error?: string;
  /** How late the loader itself was, and its share of a core: over 5 ms or 0.9 the step is void. */
  readonly lagP99: number;
  readonly loaderCpu: number;
};

export type StepOptions = {
  readonly rate: number;
  readonly seconds: number;
  readonly warmup: number;
  readonly number: number;
  readonly audience: Audience;
  readonly repeats: boolean;
  readonly lingerMs: number;
  readonly send: (person: number, id: string, text: string) => void;
  /** How many sockets have not got the same bytes as the others, so far. */
  readonly inexact: () => number;
};

export type Step = {
  read(person: number, kind: 'ack' | 'events' | 'typing', bytes: Buffer, start: number, end: number): void;
  fail(why: string): void;
  readonly result: Promise<StepResult>;
};

/** Sends by the clock, whatever comes back, and then waits for the rest. */
export const createStep = (options: StepOptions): Step => {
  const { rate, seconds, warmup, number, audience, repeats, send } = options;
  const { readers, senderOf, readerOf } = audience;
  const total = Math.round(rate * (seconds + warmup));
  const counted = Math.round(rate * warmup);
  const acknowledged = new Uint8Array(total);
  const delivered = new Uint8Array(total * readers);
  const seqs = new Int32Array(total).fill(-1);
  const latencies = new Float64Array(total * readers);
  const lags = new Float64Array(total);
  // By who reads, and who sent.
  const lastK = new Map<number, Int32Array>();
  const lastSeq = new Int32Array(audience.people).fill(-1);
  const again: number[] = [];
  const expectedAcks = () => k + repeatsSent;
  let k = 0;
  let repeatsDue = 0;
  let repeatsSent = 0;
  let acks = 0;
  let arrivals = 0;
  let measured = 0;
  let repeated = 0;
  let reordered = 0;
  let saturated = false;
  let stopped = false;
  let error: string | undefined;
  let cpu: NodeJS.CpuUsage | undefined;
  let cpuFrom = 0;
  let loaderCpu = 0;
  let sentAt = 0;
  let finish: (result: StepResult) => void;
  const result = new Promise<StepResult>((resolve) => {
    finish = resolve;
  });
  const t0 = performance.now() + 20;
  const interval = 1000 / rate;

  const write = (which: number) =>
    send(senderOf(which), `${number}-${which}`, textOf(number, Math.round(which * interval * 1000), which));

  const pump = (): number => {
    let now = performance.now();
    while (k < total && t0 + k * interval <= now) {
      write(k);
      lags[k] = now - t0 - k * interval;
      if (repeats && k % REPEAT_EVERY === 0) again.push(k);
      k += 1;
      if (k === counted || (k === 1 && counted === 0)) {
        cpu = process.cpuUsage();
        cpuFrom = now;
      }
      if (k % 8 === 0) now = performance.now();
    }
    for (let which = again[repeatsDue]; which !== undefined; which = again[repeatsDue]) {
      if (t0 + which * interval + REPEAT_AFTER_MS > now) break;
      write(which);
      repeatsDue += 1;
      repeatsSent += 1;
    }
    return now;
  };

  const tick = () => {
    const now = stopped ? performance.now() : pump();
    saturated ||= !stopped && k - arrivals / readers > Math.max(1000, rate * HOPELESS_SECONDS);
    const sending = (k < total || repeatsDue < again.length) && !saturated && error === undefined;
    if (!stopped && sending) return void setTimeout(tick, 1);
    if (!stopped) {
      stopped = true;
      sentAt = now;
      const { user, system } = process.cpuUsage(cpu);
      loaderCpu = (user + system) / 1000 / (now - cpuFrom);
    }
    const complete = arrivals >= k * readers && acks >= expectedAcks() && options.inexact() === 0;
    if (!complete && error === undefined && now - sentAt < options.lingerMs) return void setTimeout(tick, 5);
    return finish(summary());
  };

  const summary = (): StepResult => {
    const sorted = latencies.subarray(0, measured).sort();
    let missing = 0;
    let unacknowledged = 0;
    for (let which = 0; which < k; which += 1) if (acknowledged[which] === 0) unacknowledged += 1;
    for (let at = 0; at < k * readers; at += 1) if (delivered[at] === 0) missing += 1;
    // Of a repeat, only the count is known: both acknowledgements look the same.
    unacknowledged = Math.max(unacknowledged, expectedAcks() - acks);
    return {
      rate,
      sent: k,
      p50: round(percentile(sorted, 0.5)),
      p90: round(percentile(sorted, 0.9)),
      p99: round(percentile(sorted, 0.99)),
      max: round(sorted.at(-1) ?? Number.NaN),
      missing,
      unacknowledged,
      repeated,
      reordered,
      inexact: options.inexact(),
      saturated,
      ...(error !== undefined && { error }),
      lagP99: round(percentile(lags.subarray(counted, k).sort(), 0.99)),
      loaderCpu: round(loaderCpu),
    };
  };

  const ack = (bytes: Buffer, start: number) => {
    const { step, k: which } = ackOf(bytes, start);
    if (step !== number || which >= total) return;
    const seq = seqAfter(bytes, start);
    if (acknowledged[which] !== 0 && seqs[which] !== seq)
      fail(`message ${which} was acknowledged as ${seqs[which]} and as ${seq}`);
    seqs[which] = seq;
    acknowledged[which] = (acknowledged[which] ?? 0) + 1;
    acks += 1;
  };

  const events = (person: number, bytes: Buffer, start: number, end: number) => {
    const now = performance.now();
    let at = start;
    for (
      let text = nextText(bytes, at, end);
      text !== -1;
      at = afterText(text), text = nextText(bytes, at, end)
    ) {
      const which = textK(bytes, text);
      if (textStep(bytes, text) !== number || which >= total) continue;
      const seq = seqAfter(bytes, at);
      if (seq <= (lastSeq[person] ?? -1)) reordered += 1;
      else lastSeq[person] = seq;
      const reader = readerOf(person, which);
      if (reader === -1) continue;
      const place = which * readers + reader;
      if (delivered[place] !== 0) {
        repeated += 1;
        continue;
      }
      delivered[place] = 1;
      arrivals += 1;
      const heard = heardBy(person);
      const sender = senderOf(which);
      if (which < (heard[sender] ?? -1)) reordered += 1;
      else heard[sender] = which;
      if (which >= counted) {
        latencies[measured] = now - t0 - textDue(bytes, text) / 1000;
        measured += 1;
      }
    }
  };

  const heardBy = (person: number): Int32Array => {
    const known = lastK.get(person);
    if (known) return known;
    const fresh = new Int32Array(audience.people).fill(-1);
    lastK.set(person, fresh);
    return fresh;
  };

  const fail = (why: string) => {
    error ??= why;
  };

  setTimeout(tick, 1);
  return {
    read(person, kind, bytes, start, end) {
      if (kind === 'ack') ack(bytes, start);
      else if (kind === 'events') events(person, bytes, start, end);
      // A long turn of reading must not make sending late.
      if (!stopped && k < total && t0 + k * interval <= performance.now()) pump();
    },
    fail,
    result,
  };
};
