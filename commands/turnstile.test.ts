import { describe, expect, it } from 'vitest';
import { Turnstile } from './turnstile.ts';

const door = () => {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
};

describe('a turnstile', () => {
  it('lets so many in, makes the next wait in order, and turns one more away', async () => {
    const turnstile = new Turnstile({ inside: 2, waiting: 2, waitMs: 5000 });
    const { open, opened } = door();
    const order: number[] = [];
    let inside = 0;
    let most = 0;
    const work = (n: number) => async () => {
      inside += 1;
      most = Math.max(most, inside);
      order.push(n);
      await opened;
      inside -= 1;
      return { n };
    };
    const answers = [0, 1, 2, 3, 4].map((n) => turnstile.run(work(n)));
    expect(await answers[4]).toBeUndefined();
    open();
    expect(await Promise.all(answers)).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }, { n: 3 }, undefined]);
    expect([order, most]).toEqual([[0, 1, 2, 3], 2]);
  });

  it('hands the place over after work that fails, and gives up waiting after its time', async () => {
    const turnstile = new Turnstile({ inside: 1, waiting: 5, waitMs: 20 });
    await expect(turnstile.run(() => Promise.reject(new Error('broke')))).rejects.toThrow('broke');
    const { open, opened } = door();
    const slow = turnstile.run(async () => {
      await opened;
      return {};
    });
    expect(await turnstile.run(() => Promise.resolve({}))).toBeUndefined();
    open();
    expect(await slow).toEqual({});
    expect(await turnstile.run(() => Promise.resolve({}))).toEqual({});
  });
});
