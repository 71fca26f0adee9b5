import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createBacklog } from './backlog.ts';
import { Frame } from './frame.ts';
import { PollTransport, pollTimes } from './poll-transport.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const pong = new Frame({ type: 'pong' });
const start = () => {
  const ends: string[] = [];
  const transport = new PollTransport('here', createBacklog(1_000_000), () => ends.push('end'));
  transport.handlers = {
    receive: () => undefined,
    alive: () => undefined,
    closed: () => ends.push('closed'),
  };
  return { transport, ends };
};
const nothing = (n: number) => JSON.stringify({ n, frames: [] });

it('a request without an answer is answered with nothing after its time, and the next one waits again', async () => {
  const { transport } = start();
  for (let n = 0; n < 5; n += 1) {
    const asked = transport.ask({ after: 0, frames: [] });
    await vi.advanceTimersByTimeAsync(pollTimes.waitMs);
    expect(await asked).toBe(nothing(0));
  }
});

it('what follows the first frame of an answer at once comes with it', async () => {
  const { transport } = start();
  const asked = transport.ask({ after: 0, frames: [] });
  transport.send(pong);
  await vi.advanceTimersByTimeAsync(1);
  transport.send(pong);
  await vi.advanceTimersByTimeAsync(pollTimes.gatherMs);
  expect(JSON.parse(await asked)).toEqual({ n: 1, frames: [{ type: 'pong' }, { type: 'pong' }] });
});

it('polls that nobody asks for have ended after a time', async () => {
  const { transport, ends } = start();
  await vi.advanceTimersByTimeAsync(pollTimes.idleMs - 1);
  const asked = transport.ask({ after: 0, frames: [] });
  await vi.advanceTimersByTimeAsync(pollTimes.waitMs);
  await asked;
  await vi.advanceTimersByTimeAsync(pollTimes.idleMs - 1);
  expect([ends, transport.open]).toEqual([[], true]);
  await vi.advanceTimersByTimeAsync(1);
  expect([ends, transport.open]).toEqual([['closed', 'end'], false]);
});

it('what was sent before a close can be fetched for a time, then it is over', async () => {
  const first = start();
  first.transport.send(pong);
  first.transport.close(4429, 'slow');
  first.transport.send(pong);
  expect(JSON.parse(await first.transport.ask({ after: 0, frames: [] }))).toEqual({
    n: 1,
    frames: [{ type: 'pong' }],
    closed: { code: 4429, reason: 'slow' },
  });
  expect(first.ends).toEqual(['closed', 'end']);
  const second = start();
  second.transport.close(4429, 'slow');
  await vi.advanceTimersByTimeAsync(pollTimes.closeMs);
  expect(second.ends).toEqual(['closed', 'end']);
});

it('an answer that was lost before a close is given again without its end, which follows', async () => {
  const { transport, ends } = start();
  transport.send(pong);
  const lost = await transport.ask({ after: 0, frames: [] });
  transport.send(pong);
  transport.close(1012, 'bye');
  expect(await transport.ask({ after: 0, frames: [] })).toBe(lost);
  expect(ends).toEqual([]);
  expect(JSON.parse(await transport.ask({ after: 1, frames: [] }))).toMatchObject({
    n: 2,
    frames: [{ type: 'pong' }],
    closed: { code: 1012 },
  });
});

it('bytes count as unread until they are confirmed', async () => {
  const { transport } = start();
  transport.send(pong);
  const bytes = transport.unread;
  expect(bytes).toBeGreaterThan(0);
  await transport.ask({ after: 0, frames: [] });
  expect(transport.unread).toBe(bytes);
  void transport.ask({ after: 1, frames: [] });
  expect(transport.unread).toBe(0);
});
