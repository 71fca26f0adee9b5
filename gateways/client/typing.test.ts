import { beforeEach, expect, test } from 'vitest';
import { createTestClock } from '../../infra/testing/clock.ts';
import type { ClientFrame } from '../protocol.ts';
import { times } from './times.ts';
import { createTyping } from './typing.ts';

let clock = createTestClock();
let said: string[] = [];
let told: string[] = [];
const say = (frame: ClientFrame) => {
  if (frame.type === 'typing') said.push(`${frame.conversationId} ${frame.on ? 'on' : 'off'}`);
  return true;
};
const open = () =>
  createTyping({
    clock,
    times,
    send: say,
    onTyping: (id, people) => told.push(`${id}: ${people.join(' ')}`),
  });
const heard = (on: string[], off: string[] = []) =>
  ({ type: 'typing', conversationId: 'c', on, off }) as const;

beforeEach(() => {
  [clock, said, told] = [createTestClock(), [], []];
});

test('whoever types says so now and then, and that they have stopped', async () => {
  const typing = open();
  for (let key = 0; key < 10; key += 1) {
    typing.key('c');
    await clock.advance(500);
  }
  expect(said).toEqual(['c on', 'c on']);
  await clock.advance(times.typingOff);
  expect(said).toEqual(['c on', 'c on', 'c off']);
});

test('whoever has sent it has stopped at once', async () => {
  const typing = open();
  typing.key('c');
  typing.stop('c');
  typing.stop('c');
  await clock.advance(60_000);
  expect(said).toEqual(['c on', 'c off']);
});

test('others stop when they say so, when they have sent it, and when nothing is heard of it any more', async () => {
  const typing = open();
  typing.heard(heard(['ada', 'ben', 'chi']));
  typing.heard(heard([], ['ada']));
  typing.sent('c', 'ben');
  typing.sent('c', 'ben');
  await clock.advance(times.typingOver - 1);
  typing.heard(heard(['chi']));
  await clock.advance(times.typingOver - 1);
  expect(told).toEqual(['c: ada ben chi', 'c: ben chi', 'c: chi', 'c: chi']);
  await clock.advance(1);
  expect(told.at(-1)).toBe('c: ');
});

test('without a connection nobody is known to type', () => {
  const typing = open();
  typing.heard(heard(['ada']));
  typing.key('c');
  typing.pause();
  expect(told).toEqual(['c: ada', 'c: ']);
  expect([said, clock.waiting()]).toEqual([['c on'], 0]);
});
