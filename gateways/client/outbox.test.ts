import { beforeEach, expect, test } from 'vitest';
import { limits } from '../../domain/limits.ts';
import { createTestClock } from '../../infra/testing/clock.ts';
import { type ClientFrame, type Command, MAX_FRAME_BYTES, type SequencedEvent } from '../protocol.ts';
import { newId } from './id.ts';
import { createMemory, under } from './key-value.ts';
import type { Outgoing } from './options.ts';
import { CommandFailed, MOST_BYTES, createOutbox } from './outbox.ts';
import { times } from './times.ts';

const leave: Command = { type: 'LeaveConversation', conversationId: 'c' };
const say = (text: string, conversationId = 'c'): Command => ({
  type: 'SendMessage',
  conversationId,
  content: { kind: 'text', text },
  mentions: [],
});
const ack = (id: string) => ({ type: 'ack', id, conversationId: 'c', seq: 7 }) as const;
const refusal = (id: string, rest: object = {}) =>
  ({ type: 'error', id, code: 'rate_limited', message: 'slowly', retry: true, ...rest }) as const;

let clock = createTestClock();
let kv = createMemory();
let sent: ClientFrame[] = [];
let told: Outgoing[] = [];
const open = () =>
  createOutbox({
    kept: under(kv, 'p.'),
    clock,
    times,
    random: () => 0.999,
    userId: 'me',
    send: (frame) => sent.push(frame) > 0,
    onOutgoing: (message) => told.push(message),
  });
const online = () => {
  const outbox = open();
  outbox.resume();
  return outbox;
};
const ids = () => sent.map((frame) => ('id' in frame ? frame.id : undefined));
const ignore = (answer: Promise<unknown>) => void answer.catch(() => undefined);

beforeEach(() => {
  clock = createTestClock();
  kv = createMemory();
  sent = [];
  told = [];
});

test('a command is answered by its acknowledgement', async () => {
  const outbox = online();
  const answer = outbox.submit('1', leave);
  outbox.settle(ack('1'));
  expect(await answer).toEqual({ conversationId: 'c', seq: 7 });
});

test('a refusal says why', async () => {
  const outbox = online();
  const answer = outbox.submit('1', leave);
  outbox.settle({ type: 'error', id: '1', code: 'not_allowed', message: 'no', retry: false });
  await expect(answer).rejects.toMatchObject({ code: 'not_allowed', message: 'no' });
});

test('what was not answered is said again on the next connection under the same id, what was answered is not', async () => {
  const outbox = online();
  const first = outbox.submit('1', leave);
  const second = outbox.submit('2', leave);
  outbox.settle(ack('1'));
  await first;
  outbox.pause();
  sent = [];
  outbox.resume();
  expect(ids()).toEqual(['2']);
  outbox.settle(ack('2'));
  outbox.settle(ack('2'));
  await second;
});

test('the time for an answer runs only while there is a connection; a message is said again after it', async () => {
  const outbox = open();
  const failed: unknown[] = [];
  outbox.submit('1', leave).catch((error: unknown) => failed.push(error));
  ignore(outbox.submit('2', say('hi')));
  await clock.advance(600_000);
  outbox.resume();
  outbox.pause();
  await clock.advance(600_000);
  expect(failed).toEqual([]);
  outbox.resume();
  sent = [];
  await clock.advance(times.answer + times.retryFirst);
  expect(failed).toMatchObject([{ code: 'no_answer' }]);
  expect(ids()).toEqual(['2']);
});

test('what is refused for now is tried later and later, and not before it may', async () => {
  const outbox = online();
  const answer = outbox.submit('1', leave);
  for (const wait of [1_000, 2_000, 4_000]) {
    sent = [];
    outbox.settle(refusal('1', { retryAfterMs: 700 }));
    await clock.advance(700 + wait * 0.999 - 1);
    expect(ids()).toEqual([]);
    await clock.advance(1);
    expect(ids()).toEqual(['1']);
  }
  outbox.settle(refusal('1'));
  await expect(answer).rejects.toMatchObject({ code: 'rate_limited' });
});

test('the messages of a conversation go one after the other, also past one that is refused for now', async () => {
  const outbox = online();
  for (const id of ['1', '2']) ignore(outbox.submit(id, say(id)));
  ignore(outbox.submit('3', say('3', 'd')));
  expect(ids()).toEqual(['1', '3']);
  for (let tries = 0; tries < 10; tries += 1) {
    outbox.settle(refusal('1'));
    await clock.advance(times.retryMost);
  }
  expect(new Set(ids())).toEqual(new Set(['1', '3']));
  outbox.settle(ack('1'));
  expect(ids().at(-1)).toBe('2');
});

test('a message that was refused stays, lets the next one pass, and can be tried again or discarded', async () => {
  const outbox = online();
  const answer = outbox.submit('1', say('one'));
  ignore(outbox.submit('2', say('two')));
  outbox.settle(refusal('1', { retry: false, message: 'no' }));
  await expect(answer).rejects.toBeInstanceOf(CommandFailed);
  expect(ids()).toEqual(['1', '2']);
  expect(outbox.outgoing()).toMatchObject([
    { id: '1', state: 'failed', failure: { code: 'rate_limited', message: 'no' } },
    { id: '2', state: 'pending' },
  ]);
  outbox.settle(ack('2'));
  outbox.retry('1');
  expect(ids()).toEqual(['1', '2', '1']);
  outbox.settle(refusal('1', { retry: false }));
  outbox.drop('1');
  expect(outbox.outgoing()).toEqual([]);
  expect(told.map(({ id, state }) => `${id} ${state}`)).toEqual([
    '1 pending',
    '2 pending',
    '1 failed',
    '2 sent',
    '1 pending',
    '1 failed',
    '1 dropped',
  ]);
});

test('messages outlive a reload, in the order in which they were written; other commands do not', async () => {
  const before = open();
  const written = Array.from({ length: 20 }, (_, index) => String((index * 7) % 20));
  for (const id of written) ignore(before.submit(id, say(id)));
  ignore(before.submit('leave', leave));
  before.close(new CommandFailed('closed', 'bye'));
  const after = open();
  expect(after.outgoing().map(({ id }) => id)).toEqual(written);
  after.resume();
  for (const id of written) after.settle(ack(id));
  expect(ids()).toEqual(written);
  expect([...kv.keys()]).toEqual([]);
});

test('one’s own message that comes back is as good as its acknowledgement', async () => {
  const outbox = online();
  const answer = outbox.submit('1', say('hi'));
  const came = (by: string): SequencedEvent => ({
    seq: 4,
    event: {
      type: 'MessageSent',
      by,
      at: 0,
      clientId: '1',
      content: { kind: 'text', text: 'hi' },
      mentions: [],
    },
  });
  outbox.seen('c', came('ben'));
  outbox.seen('d', came('me'));
  expect(outbox.outgoing()).toHaveLength(1);
  outbox.seen('c', came('me'));
  expect(await answer).toEqual({ conversationId: 'c', seq: 4 });
});

test('what another tab has sent is not sent again', async () => {
  ignore(open().submit('1', say('hi')));
  const [one, two] = [open(), open()];
  one.resume();
  one.settle(ack('1'));
  sent = [];
  two.resume();
  expect(ids()).toEqual([]);
  expect(two.outgoing()).toEqual([]);
});

test('a message that could not be sent for a week has failed', async () => {
  const outbox = open();
  ignore(outbox.submit('1', say('hi')));
  clock.pass(times.messageAge + 1);
  outbox.resume();
  expect(outbox.outgoing()).toMatchObject([{ state: 'failed', failure: { code: 'too_old' } }]);
  expect(ids()).toEqual([]);
});

test('where there is no room it holds messages all the same', async () => {
  kv = {
    ...kv,
    set: () => {
      throw new Error('full');
    },
  };
  const outbox = online();
  const answer = outbox.submit('1', say('hi'));
  outbox.settle(ack('1'));
  expect(await answer).toMatchObject({ seq: 7 });
});

test('it holds 500 commands and no more', async () => {
  const outbox = open();
  const answers = Array.from({ length: 501 }, () => outbox.submit(newId(), leave));
  await expect(answers[500]).rejects.toMatchObject({ code: 'outbox_full' });
  const ended = Promise.allSettled(answers);
  outbox.close(new CommandFailed('closed', 'bye'));
  expect((await ended).every(({ status }) => status === 'rejected')).toBe(true);
});

test('what would not fit into a frame is refused at once, and never sent', async () => {
  const outbox = online();
  expect(MOST_BYTES).toBe(MAX_FRAME_BYTES);
  const escaped = outbox.submit('1', say('\u0001'.repeat(limits.textBytes)));
  await expect(escaped).rejects.toMatchObject({ code: 'message_too_large' });
  expect(sent).toEqual([]);
  const plain = outbox.submit('2', say('€'.repeat(Math.floor(limits.textBytes / 3))));
  outbox.settle(ack('2'));
  await plain;
});

test('a connection closed because of a frame’s size refuses the largest one that was on its way', async () => {
  const outbox = online();
  const small = outbox.submit('1', leave);
  const large = outbox.submit('2', say('x'.repeat(1_000)));
  outbox.refuseLargest();
  await expect(large).rejects.toMatchObject({ code: 'message_too_large' });
  outbox.settle(ack('1'));
  await small;
  outbox.refuseLargest();
});

test('ids are ULIDs, in the order of time', () => {
  expect(newId()).toMatch(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
  expect(newId(1_000) < newId(2_000)).toBe(true);
});
