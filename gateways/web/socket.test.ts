import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import './testing-page.ts';
import { closeCodes } from '../protocol.ts';
import { type Status, createSocket } from './socket.ts';

/** A connection whose other side is the test. */
class Line {
  static readonly OPEN = 1;
  readyState = 1;
  onopen?: () => void;
  onmessage?: (event: { data: string }) => void;
  onclose?: (event: { code: number }) => void;
  constructor() {
    lines.push(this);
  }
  send(): void {}
  close(): void {}
}
const lines: Line[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('WebSocket', Line);
  lines.length = 0;
});
afterEach(() => vi.useRealTimers());

const connected = async () => {
  const told = { tokens: [] as (string | undefined)[], statuses: [] as Status[], tooLarge: 0 };
  const socket = createSocket({
    token: (instead) => {
      told.tokens.push(instead);
      return Promise.resolve('a token');
    },
    onFrame: () => undefined,
    onStatus: (status) => told.statuses.push(status),
    onTooLarge: () => (told.tooLarge += 1),
  });
  await socket.connect();
  return { socket, told };
};
const closeLast = (code: number) => lines.at(-1)?.onclose?.({ code });

test('“try again later” keeps the token, and is tried later and later', async () => {
  const { socket, told } = await connected();
  for (const [tries, ceiling] of [500, 1_000, 2_000].entries()) {
    closeLast(closeCodes.tryAgainLater);
    expect(told.statuses.at(-1)).toBe('waiting');
    await vi.advanceTimersByTimeAsync(ceiling / 2 - 1);
    expect(lines).toHaveLength(tries + 1);
    await vi.advanceTimersByTimeAsync(ceiling / 2 + 1);
    expect(lines).toHaveLength(tries + 2);
  }
  expect(told.tokens).toEqual([undefined, undefined, undefined, undefined]);
  socket.close();
});

test('a token that was refused is replaced', async () => {
  const { socket, told } = await connected();
  closeLast(closeCodes.unauthorized);
  await vi.advanceTimersByTimeAsync(500);
  expect(told.tokens).toEqual([undefined, 'a token']);
  socket.close();
});

test('it says when a frame was too large', async () => {
  const { socket, told } = await connected();
  closeLast(1006);
  await vi.advanceTimersByTimeAsync(500);
  expect(told.tooLarge).toBe(0);
  closeLast(1009);
  expect(told.tooLarge).toBe(1);
  socket.close();
});
