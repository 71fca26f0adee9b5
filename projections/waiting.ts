/** People who wait for something that becomes true some time, each with a timeout. */
export type Waiting<T> = {
  /** False if it did not become true in time, on `end`, or at once if too many wait already. */
  until(wish: T, timeoutMs: number): Promise<boolean>;
  /** Lets go of those whose wish is fulfilled. */
  wake(fulfilled: (wish: T) => boolean): void;
  wishes(): Iterable<T>;
  end(): void;
};

export const createWaiting = <T>(most = 10_000): Waiting<T> => {
  const waiting = new Map<(done: boolean) => void, T>();
  let ended = false;
  return {
    until: (wish, timeoutMs) =>
      new Promise((resolve) => {
        if (ended || waiting.size >= most) return resolve(false);
        const answer = (done: boolean) => {
          clearTimeout(timer);
          waiting.delete(answer);
          resolve(done);
        };
        const timer = setTimeout(answer, timeoutMs, false);
        waiting.set(answer, wish);
      }),
    wake: (fulfilled) => {
      for (const [answer, wish] of waiting) if (fulfilled(wish)) answer(true);
    },
    wishes: () => waiting.values(),
    end: () => {
      ended = true;
      for (const answer of waiting.keys()) answer(false);
    },
  };
};
