import { afterEach, expect, it, vi } from 'vitest';
import { systemClock } from './clock.ts';

afterEach(() => {
  vi.useRealTimers();
});

it('what waits goes on when somebody sets the time of day back', () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.setSystemTime(1_800_000_000_000);
  const before = systemClock.now();
  vi.setSystemTime(1_700_000_000_000);
  expect(systemClock.today()).toBe(1_700_000_000_000);
  expect(systemClock.now() - before).toBeGreaterThanOrEqual(0);
});
