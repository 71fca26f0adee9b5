import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { actAs, quiet, requestFor } from './testing-page.ts';
import { nameOf } from './people.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => vi.useRealTimers());

const refusal = { code: 'internal', message: 'broken', retry: false };

test('names that could not be read are asked for again, but not once nobody is signed in', async () => {
  actAs('ada');
  expect(nameOf('ben')).toBe('…');
  (await requestFor(/ids=ben/)).answer(refusal, 500);
  await quiet();
  await vi.advanceTimersByTimeAsync(5_000);
  (await requestFor(/ids=ben/)).answer(refusal, 500);
  await quiet();
  expect(vi.getTimerCount()).toBe(1);
  actAs(undefined);
  await vi.advanceTimersByTimeAsync(5_000);
  await quiet();
  expect(vi.getTimerCount()).toBe(0);
});

test('what is answered after somebody signed out is not asked again', async () => {
  actAs('ada');
  nameOf('chi');
  const request = await requestFor(/ids=chi/);
  actAs(undefined);
  request.answer(refusal, 500);
  await quiet();
  expect(vi.getTimerCount()).toBe(0);
});
