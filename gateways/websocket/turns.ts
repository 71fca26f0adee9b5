import type { Clock } from '../../domain/ports/clock.ts';

/** Work that is done in turns, one after the other, and no oftener than every so many ms. */
export const createTurns = (
  clock: Clock,
  everyMs: number,
  work: () => Promise<void>,
  onError: (error: unknown) => void,
) => {
  let alarm: { readonly at: number; readonly cancel: () => void } | undefined;
  let running: Promise<void> = Promise.resolve();
  let busy = false;
  let begun = -Infinity;
  let next = Infinity;
  let over = false;

  /** There is something to do from then on. */
  const wake = (from: number = -Infinity): void => {
    if (busy) next = Math.min(next, from);
    if (over || busy) return;
    const now = clock.now();
    const at = Math.max(from, begun + everyMs, now);
    if (alarm && alarm.at <= at) return;
    alarm?.cancel();
    alarm = { at, cancel: clock.after(at - now, () => void (running = turn())) };
  };

  const turn = async () => {
    alarm = undefined;
    begun = clock.now();
    next = Infinity;
    busy = true;
    try {
      await work();
    } catch (error) {
      onError(error);
    }
    busy = false;
    if (next < Infinity) wake(next);
  };

  return {
    wake,
    /** No turn begins any more; resolves when the last one is over. */
    async end(): Promise<void> {
      over = true;
      alarm?.cancel();
      await running;
    },
  };
};
