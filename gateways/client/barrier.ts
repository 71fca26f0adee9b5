/**
 * Says when everything that was begun before something is done. `enter` begins a work and returns its end; `pass` gives
 * what is to be said once all that was begun until then has ended. Only the last of what may be said is.
 */
export const createBarrier = <T>(say: (value: T) => void) => {
  let begun = 0;
  const going = new Set<number>();
  let waiting: { readonly after: number; readonly value: T }[] = [];

  const settle = () => {
    const [first = Number.POSITIVE_INFINITY] = going;
    const ready = waiting.filter(({ after }) => after <= first);
    waiting = waiting.filter(({ after }) => after > first);
    const last = ready.at(-1);
    if (last) say(last.value);
  };

  return {
    enter: (): (() => void) => {
      const mine = begun;
      begun += 1;
      going.add(mine);
      return () => {
        if (going.delete(mine)) settle();
      };
    },
    pass: (value: T): void => {
      // Of those that wait for the same, the last one counts: there are never more than works.
      if (waiting.at(-1)?.after === begun) waiting.pop();
      waiting.push({ after: begun, value });
      settle();
    },
  };
};
