import { describe, expect, it } from 'vitest';
import { createBacklog } from './backlog.ts';

const reader = (unread: number) => ({
  unread,
  ended: false,
  terminate() {
    this.ended = true;
  },
});

describe('a backlog', () => {
  it('ends the slowest readers until the others’ together is within the limit', () => {
    let now = 0;
    let ended = 0;
    const backlog = createBacklog(
      1_000_000,
      () => (ended += 1),
      () => now,
    );
    const readers = [300_000, 900_000, 400_000, 800_000, 10].map(reader);
    for (const one of readers) backlog.add(one);
    expect(ended).toBe(0);
    now += 50;
    backlog.add(reader(1));
    expect(readers.map((one) => one.ended)).toEqual([false, true, false, true, false]);
    expect(ended).toBe(2);
  });

  it('forgets those who have caught up', () => {
    let now = 0;
    const backlog = createBacklog(
      1_000_000,
      () => undefined,
      () => now,
    );
    const [first, second] = [reader(900_000), reader(900_000)];
    backlog.add(first);
    first.unread = 0;
    now += 50;
    backlog.add(second);
    expect([first.ended, second.ended]).toEqual([false, false]);
  });
});
