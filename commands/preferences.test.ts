import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Directory, People, Preferences } from '../domain/ports/directory.ts';
import { openDirectory } from '../infra/directory/open.ts';
import { createPreferences } from './preferences.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'preferences-'));
let directory: Directory;
beforeAll(async () => {
  directory = await openDirectory({ type: 'sqlite', dataDir });
});
afterAll(async () => {
  await directory[Symbol.asyncDispose]();
  rmSync(dataDir, { recursive: true, force: true });
});

/** The directory's people, with a count of what is read, and whose next answer waits where a test wants it to. */
const observed = () => {
  const reads: string[] = [];
  let gate: Promise<void> = Promise.resolve();
  const people: Pick<People, 'preferences' | 'setPreferences'> = {
    async preferences(userId) {
      reads.push(userId);
      const waiting = gate;
      gate = Promise.resolve();
      const found = await directory.people.preferences(userId);
      await waiting;
      return found;
    },
    setPreferences: (userId, change) => directory.people.setPreferences(userId, change),
  };
  const hold = () => {
    const { promise, resolve } = barrier();
    gate = promise;
    return resolve;
  };
  return { people, reads, hold };
};
const barrier = () => {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
};

describe('preferences', () => {
  it('are read once, also when many ask at once, and known from then on without waiting', async () => {
    const { people, reads } = observed();
    const preferences = createPreferences(people);
    await Promise.all([preferences.of('once'), preferences.of('once')]);
    expect(preferences.of('once')).toEqual({ shareReadReceipts: true, sharePresence: true });
    expect(reads).toEqual(['once']);
  });

  it('are known as they were set, and told to whoever listens', async () => {
    const preferences = createPreferences(directory.people);
    const told: [string, Preferences][] = [];
    const stop = preferences.onChange((userId, now) => told.push([userId, now]));
    await preferences.of('ann');
    const set = await preferences.set('ann', { sharePresence: false });
    expect(set).toEqual({ shareReadReceipts: true, sharePresence: false });
    expect(preferences.of('ann')).toEqual(set);
    stop();
    await preferences.set('ann', { sharePresence: true });
    expect(told).toEqual([['ann', set]]);
  });

  it('do not come from an answer that was read before they were set', async () => {
    const { people, hold } = observed();
    const preferences = createPreferences(people);
    const release = hold();
    const before = preferences.of('late');
    await preferences.set('late', { shareReadReceipts: false });
    release();
    expect(await before).toMatchObject({ shareReadReceipts: true });
    expect(await preferences.of('late')).toMatchObject({ shareReadReceipts: false });
  });

  it('are forgotten of those who were asked for long ago, and read again', async () => {
    const { people, reads } = observed();
    const preferences = createPreferences(people, 2);
    for (const userId of ['a', 'b', 'c', 'c', 'a']) await preferences.of(userId);
    expect(reads).toEqual(['a', 'b', 'c', 'a']);
  });

  it('are asked for again after a failure', async () => {
    let fail = true;
    const preferences = createPreferences({
      preferences: (userId) =>
        fail ? Promise.reject(new Error('away')) : directory.people.preferences(userId),
      setPreferences: (userId, change) => directory.people.setPreferences(userId, change),
    });
    await expect(preferences.of('unlucky')).rejects.toThrow('away');
    fail = false;
    expect(await preferences.of('unlucky')).toMatchObject({ sharePresence: true });
  });

  it('are, whatever is set and asked at once, in the end what the directory holds, and were told last', async () => {
    const change = fc.record(
      { shareReadReceipts: fc.boolean(), sharePresence: fc.boolean() },
      { requiredKeys: [] },
    );
    const step = fc.oneof(change, fc.constant(undefined));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), fc.scheduler(), async (steps, scheduler) => {
        const delayed = async <T>(act: () => Promise<T>): Promise<T> => {
          await scheduler.schedule(Promise.resolve(), 'asked');
          const answer = await act();
          await scheduler.schedule(Promise.resolve(), 'answered');
          return answer;
        };
        const preferences = createPreferences({
          preferences: (userId) => delayed(() => directory.people.preferences(userId)),
          setPreferences: (userId, wish) => delayed(() => directory.people.setPreferences(userId, wish)),
        });
        let told: Preferences | undefined;
        preferences.onChange((_, now) => (told = now));
        const all = steps.map(async (wish) =>
          wish === undefined ? preferences.of('all') : preferences.set('all', wish),
        );
        await scheduler.waitFor(Promise.all(all));
        const stored = await directory.people.preferences('all');
        const known = preferences.of('all');
        expect(known instanceof Promise ? await scheduler.waitFor(known) : known).toEqual(stored);
        expect(told ?? stored).toEqual(stored);
      }),
      { numRuns: 100 },
    );
  });
});
