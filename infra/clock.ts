import type { Clock } from '../domain/ports/clock.ts';

export const systemClock: Clock = {
  now: () => performance.now(),
  today: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
