import type { Audience } from './audience.ts';
import { typingIn } from './dialect.ts';
import { percentile, round } from './numbers.ts';
import type { Step, StepResult } from './step.ts';

export type TypingOptions = {
  readonly rate: number;
  readonly seconds: number;
  /** Goes on from step to step: whoever has just been said to write is not heard of again for a while. */
  readonly number: number;
  readonly audience: Audience;
  readonly lingerMs: number;
  /** How others are told of each of the people. */
  readonly names: readonly string[];
  readonly send: (person: number) => void;
  readonly inexact: () => number;
};

/** People begin to write, by the clock, each once; and those who watch hear of it. */
export const createTypingStep = (options: TypingOptions): Step => {
  const { rate, seconds, number, audience, names, send } = options;
  const { people, readers, readerOf } = audience;
  const total = Math.round(rate * seconds);
  if (total > people) throw new RangeError(`${total} people can't begin to write among ${people}`);
  const interval = 1000 / rate;
  const told = new Uint8Array(total * readers);
  const latencies: number[] = [];
  const lags: number[] = [];
  const numbers = new Map(names.map((name, person) => [name, person]));
  let k = 0;
  let repeated = 0;
  let error: string | undefined;
  let finish: (result: StepResult) => void;
  const result = new Promise<StepResult>((resolve) => {
    finish = resolve;
  });
  const t0 = performance.now() + 20;
  const cpu = process.cpuUsage();
  let loaderCpu = 0;
  let stopped = false;

  // Spread over the whole group: next to each other they would be told of by the same call.
  const stride = 389;
  const personOf = (which: number) => (((number * total + which) % people) * stride) % people;
  const whichOf = new Map(Array.from({ length: total }, (_, which) => [personOf(which), which]));

  const pump = (now: number) => {
    for (; k < total && t0 + k * interval <= now; k += 1) {
      send(personOf(k));
      lags.push(now - t0 - k * interval);
    }
  };

  const tick = () => {
    const now = performance.now();
    pump(now);
    if (k < total && error === undefined) return void setTimeout(tick, 1);
    if (!stopped) {
      stopped = true;
      const { user, system } = process.cpuUsage(cpu);
      loaderCpu = (user + system) / 1000 / (now - t0);
    }
    const complete = latencies.length >= total * readers && options.inexact() === 0;
    const late = now - t0 - total * interval > options.lingerMs;
    if (!complete && !late && error === undefined) return void setTimeout(tick, 5);
    return finish(summary());
  };

  const summary = (): StepResult => {
    const sorted = latencies.toSorted((a, b) => a - b);
    return {
      rate,
      sent: k,
      p50: round(percentile(sorted, 0.5)),
      p90: round(percentile(sorted, 0.9)),
      p99: round(percentile(sorted, 0.99)),
      max: round(sorted.at(-1) ?? Number.NaN),
      missing: k * readers - latencies.length,
      unacknowledged: 0,
      repeated,
      reordered: 0,
      inexact: options.inexact(),
      saturated: false,
      ...(error !== undefined && { error }),
      lagP99: round(
        percentile(
          lags.toSorted((a, b) => a - b),
          0.99,
        ),
      ),
      loaderCpu: round(loaderCpu),
    };
  };

  setTimeout(tick, 1);
  return {
    read(reader, kind, bytes, start, end) {
      const now = performance.now();
      if (kind !== 'typing' || readerOf(reader, 0) === -1) return pump(now);
      for (const name of typingIn(bytes, start, end)) {
        const which = whichOf.get(numbers.get(name) ?? -1);
        if (which === undefined) continue;
        const place = which * readers + readerOf(reader, which);
        if (told[place] === 0) latencies.push(now - t0 - which * interval);
        else repeated += 1;
        told[place] = 1;
      }
      pump(now);
    },
    fail(why) {
      error ??= why;
    },
    result,
  };
};
