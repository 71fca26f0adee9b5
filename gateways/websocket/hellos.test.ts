import { expect, it } from 'vitest';
import { createHellos } from './hellos.ts';

const limits = { inside: 2, waiting: 10, waitMs: 10_000, holdMs: 10_000 };

it('hellos pass a few at a time, with turns for others between them, and beyond the line are told so', async () => {
  const hellos = createHellos(limits);
  let inside = 0;
  let most = 0;
  let turns = 0;
  let done = false;
  const tick = () => {
    turns += 1;
    if (!done) setImmediate(tick);
  };
  setImmediate(tick);
  const hello = async () => {
    inside += 1;
    most = Math.max(most, inside);
    await Promise.resolve();
    inside -= 1;
  };
  const passed = await Promise.all(Array.from({ length: 15 }, () => hellos.pass(hello)));
  done = true;
  expect(passed).toEqual(Array.from({ length: 15 }, (_, n) => n < 12));
  expect(turns).toBeGreaterThanOrEqual(5);
  expect(most).toBeLessThanOrEqual(2);
  expect(hellos.comeBackInMs()).toBeGreaterThan(0);
});

it('a hello that takes long holds nobody up, and is waited for', async () => {
  const hellos = createHellos({ ...limits, holdMs: 1 });
  let finish: (() => void)[] = [];
  const slow = [1, 2].map(() =>
    hellos.pass(() => new Promise<void>((resolve) => (finish = [...finish, resolve]))),
  );
  expect(await hellos.pass(async () => undefined)).toBe(true);
  expect(finish).toHaveLength(2);
  for (const one of finish) one();
  expect(await Promise.all(slow)).toEqual([true, true]);
});

it('a hello that fails says so, and lets the next one in', async () => {
  const hellos = createHellos(limits);
  const broken = () => Promise.reject(new Error('broken'));
  for (let n = 0; n < 5; n += 1) await expect(hellos.pass(broken)).rejects.toThrow('broken');
  expect(await hellos.pass(async () => undefined)).toBe(true);
});
