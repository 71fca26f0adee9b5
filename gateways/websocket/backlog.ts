/** Somebody who gets frames. */
export type Reader = { readonly unread: number; terminate(): void };

const CHECK_MS = 50;
/** Whoever has less unread than this is not behind. */
const LITTLE = 16 * 1024;

/** All readers that are behind. When they have more than `limit` bytes unread together, those with most of it are ended. */
export const createBacklog = (
  limit: number,
  onEnded: () => void = () => undefined,
  clock: () => number = () => performance.now(),
) => {
  const readers = new Set<Reader>();
  let checkedAt = -CHECK_MS;

  const check = () => {
    let total = 0;
    for (const reader of readers) {
      if (reader.unread < LITTLE) readers.delete(reader);
      else total += reader.unread;
    }
    if (total <= limit) return;
    for (const reader of [...readers].toSorted((one, other) => other.unread - one.unread)) {
      if (total <= limit) return;
      total -= reader.unread;
      readers.delete(reader);
      reader.terminate();
      onEnded();
    }
  };

  return {
    add(reader: Reader) {
      readers.add(reader);
      const now = clock();
      if (now - checkedAt < CHECK_MS) return;
      checkedAt = now;
      check();
    },
  };
};

export type Backlog = ReturnType<typeof createBacklog>;
