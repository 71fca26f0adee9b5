import type { Clock } from './clock.ts';
import type { Times } from './times.ts';

type Deps = {
  readonly clock: Clock;
  readonly times: Pick<Times, 'welcome' | 'ping' | 'pong'>;
  readonly ask: () => void;
  readonly onSilence: () => void;
};

/** Finds out when nobody is at the other end any more: a connection can be dead without being closed. */
export const createWatch = ({ clock, times, ask, onSilence }: Deps) => {
  let heardAt = clock.now();
  let asked = false;
  let welcomed = false;
  let cancel = clock.after(times.welcome, onSilence);

  const askNow = () => {
    if (asked || !welcomed) return;
    asked = true;
    cancel();
    cancel = clock.after(times.pong, onSilence);
    ask();
  };
  // Frames are many: the timer is left alone, and looks at the time when it is over.
  const rest = (ms: number) => {
    cancel = clock.after(ms, () => {
      const silence = clock.now() - heardAt;
      if (silence < times.ping) rest(times.ping - silence);
      else askNow();
    });
  };

  return {
    heard: () => {
      heardAt = clock.now();
      if (!asked) return;
      asked = false;
      cancel();
      rest(times.ping);
    },
    welcomed: () => {
      welcomed = true;
      cancel();
      rest(times.ping);
    },
    ask: askNow,
    stop: () => cancel(),
  };
};
