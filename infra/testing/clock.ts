import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../domain/ports/clock.ts';

/** A clock that stands still until it is moved. */
export const createTestClock = (start = 1_700_000_000_000) => {
  type Alarm = { readonly at: number; readonly run: () => void };
  const alarms = new Set<Alarm>();
  let time = start;
  let wrong = 0;
  const next = () => [...alarms].reduce<Alarm | undefined>((a, b) => (a && a.at <= b.at ? a : b), undefined);

  const clock: Clock = {
    now: () => time,
    today: () => time + wrong,
    after(ms, run) {
      const alarm = { at: time + ms, run };
      alarms.add(alarm);
      return () => void alarms.delete(alarm);
    },
  };
  /** Lets what was begun in memory come to its end. */
  const settle = async () => {
    for (let turn = 0; turn < 3; turn += 1) await setImmediate();
  };
  return {
    ...clock,
    settle,
    /** Somebody sets the time of day. */
    set: (ms: number) => void (wrong += ms),
    /** Lets so many ms pass in which nothing is due. */
    pass: (ms: number) => void (time += ms),
    /** Lets so many ms pass; what is due meanwhile happens in its order. */
    async advance(ms: number) {
      const until = time + ms;
      await settle();
      for (let alarm = next(); alarm && alarm.at <= until; alarm = next()) {
        time = Math.max(time, alarm.at);
        alarms.delete(alarm);
        alarm.run();
        await settle();
      }
      time = until;
    },
    /** How many wait for something. */
    waiting: () => alarms.size,
  };
};
