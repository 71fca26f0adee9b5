import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { Turnstile, type TurnstileLimits } from '../../commands/turnstile.ts';

/** `holdMs`: who takes longer than this, because of a slow reader, no longer holds up the others. */
export type HelloLimits = TurnstileLimits & { readonly holdMs: number };

const helloLimits: HelloLimits = { inside: 4, waiting: 8_000, waitMs: 30_000, holdMs: 500 };

/** About how long a hello takes when there is a line. */
const PER_HELLO_MS = 2;

/**
 * The line that hellos pass through when everybody comes back at once: a few at a time, with a turn of the event loop
 * after each, so that whoever is here already goes on undisturbed.
 */
export const createHellos = (limits: HelloLimits = helloLimits) => {
  const turnstile = new Turnstile(limits);
  return {
    /** False if it was not done: the line is too long. */
    async pass(hello: () => Promise<void>): Promise<boolean> {
      let done: Promise<void> | undefined;
      const passed = await turnstile.run(async () => {
        done = hello();
        await Promise.race([done, pause(limits.holdMs, undefined, { ref: false })]);
        await turn();
        return {};
      });
      await done;
      return passed !== undefined;
    },
    /** When whoever was turned away may come back: each at another time. */
    comeBackInMs: () => Math.round((1 + Math.random()) * limits.waiting * PER_HELLO_MS),
  };
};

export type Hellos = ReturnType<typeof createHellos>;
