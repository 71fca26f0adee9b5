import fc from 'fast-check';
import { expect } from 'vitest';
import type { EventStore, NewEvent } from '../../domain/ports/event-store.ts';
import { event, idsOf, newStream, plain, readToEnd, take } from './contract-tools.ts';

// The rules once more, as a model that is too simple to be wrong, and what is tried on it and on the store.

type Entry = { readonly stream: string; readonly revision: number; readonly id: string };

const createModel = () => {
  let log: Entry[] = [];
  const revisions = new Map<string, number>();
  const revision = (stream: string) => revisions.get(stream) ?? -1;
  const held = (stream: string) => log.filter((entry) => entry.stream === stream);
  return {
    revision,
    held,
    log: () => log,
    /** The revision it resolves to or the code it is refused with. */
    append(stream: string, expected: number, ids: readonly string[]): number | string {
      const last = expected + ids.length;
      if (expected !== revision(stream)) {
        const there = held(stream).filter((entry) => entry.revision > expected && entry.revision <= last);
        const same = there.every((entry) => ids[entry.revision - expected - 1] === entry.id);
        return expected >= -1 && same && there.at(-1)?.revision === last ? last : 'wrong_expected_revision';
      }
      const known = new Set(idsOf(held(stream)));
      if (ids.some((id) => known.has(id)) || new Set(ids).size < ids.length) return 'event_id_reused';
      log.push(...ids.map((id, i) => ({ stream, revision: expected + 1 + i, id })));
      revisions.set(stream, last);
      return last;
    },
    truncate(stream: string, before: number): void {
      log = log.filter((entry) => entry.stream !== stream || entry.revision >= before);
    },
  };
};

/** Collects a subscription; `until` waits for so many events. */
const follow = (store: EventStore, after: string) => {
  const seen: Entry[] = [];
  const stop = new AbortController();
  let wake = () => {};
  const ended = (async () => {
    for await (const page of store.subscribe(after, stop.signal)) {
      seen.push(...page.map(({ stream, revision, id }) => ({ stream, revision, id })));
      wake();
    }
  })();
  return {
    seen,
    async until(count: number) {
      while (seen.length < count) await new Promise<void>((resolve) => (wake = resolve));
    },
    async end() {
      stop.abort();
      await ended;
    },
  };
};

const stream = fc.nat({ max: 2 });
// Ids are drawn from a few, so that they meet again. `wait`: for everything before it, or else it is pipelined.
const append = fc.record({
  op: fc.constant('append' as const),
  stream,
  off: fc.oneof(
    { weight: 5, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: -3, max: 2 }) },
  ),
  ids: fc.array(fc.nat({ max: 200 }), { minLength: 1, maxLength: 4 }),
  wait: fc.boolean(),
});
const repeat = fc.record({
  op: fc.constant('repeat' as const),
  which: fc.nat({ max: 50 }),
  wait: fc.boolean(),
});
const truncate = fc.record({ op: fc.constant('truncate' as const), stream, back: fc.nat({ max: 6 }) });

export const mixedSteps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: append },
    { weight: 3, arbitrary: repeat },
    { weight: 1, arbitrary: truncate },
  ),
  { maxLength: 60 },
);
type Step = (typeof mixedSteps extends fc.Arbitrary<infer S extends readonly unknown[]> ? S : never)[number];

/** `seed` chooses the pages and where a second subscription starts. */
export const compareWithModel = async (
  store: EventStore,
  after: string,
  steps: readonly Step[],
  seed: number,
): Promise<void> => {
  const model = createModel();
  const streams = [newStream(), newStream(), newStream()];
  const follower = follow(store, after);
  const tried: { stream: string; expected: number; list: NewEvent[] }[] = [];
  const written: Entry[] = [];
  let pending: Promise<void>[] = [];

  const settle = async () => {
    await Promise.all(pending);
    pending = [];
  };
  const appendToBoth = (name: string, expected: number, list: NewEvent[]) => {
    tried.push({ stream: name, expected, list });
    const before = model.log().length;
    const wanted = model.append(name, expected, idsOf(list));
    written.push(...model.log().slice(before));
    const got = store.append(name, expected, list).then(
      ({ revision }) => revision,
      (error: { code: string }) => error.code,
    );
    pending.push(got.then((result) => expect(result).toBe(wanted)));
  };

  for (const step of steps) {
    const name = ('stream' in step && streams[step.stream]) || '';
    switch (step.op) {
      case 'append': {
        if (step.wait) await settle();
        const list = step.ids.map((id) =>
          event(`${id}`, `00000000-0000-4000-8000-${String(id).padStart(12, '0')}`),
        );
        appendToBoth(name, model.revision(name) + step.off, list);
        break;
      }
      case 'repeat': {
        if (step.wait) await settle();
        const again = tried[step.which % Math.max(1, tried.length)];
        if (again) appendToBoth(again.stream, again.expected, again.list);
        break;
      }
      case 'truncate': {
        await settle();
        await follower.until(written.length); // what is truncated before it was read is not given
        const before = model.revision(name) - step.back;
        await store.truncate(name, before);
        model.truncate(name, before);
      }
    }
  }
  await settle();
  await follower.until(written.length);
  await follower.end();
  expect(follower.seen).toEqual(written);

  for (const name of streams) {
    const entries = (await store.read(name)).map(({ revision, id }) => ({ stream: name, revision, id }));
    expect(entries).toEqual(model.held(name));
  }
  const all = await readToEnd(store, after, 1 + (seed % 9));
  expect(all.map(({ stream: name, revision, id }) => ({ stream: name, revision, id }))).toEqual(model.log());
  const chosen = all[seed % Math.max(1, all.length)];
  const start = chosen?.position ?? after;
  if (chosen)
    expect([await store.at(start)].flatMap((found) => plain(found ? [found] : []))).toEqual(plain([chosen]));
  const rest = all.filter(({ position }) => position > start);
  expect(plain(await take(store, start, rest.length))).toEqual(plain(rest));
};
