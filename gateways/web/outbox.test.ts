import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { limits } from '../../domain/limits.ts';
import { type ClientFrame, type Command, MAX_FRAME_BYTES } from '../protocol.ts';
import { newId } from './id.ts';
import { MOST_BYTES, createOutbox } from './outbox.ts';

const command: Command = { type: 'LeaveConversation', conversationId: 'c' };
const ack = (id: string) => ({ type: 'ack', id, conversationId: 'c', seq: 7 }) as const;

let online = true;
let sent: ClientFrame[] = [];
const open = () =>
  createOutbox((frame) => {
    if (online) sent.push(frame);
    return online;
  });

beforeEach(() => {
  vi.useFakeTimers();
  online = true;
  sent = [];
});
afterEach(() => vi.useRealTimers());

test('a command is answered by its acknowledgement', async () => {
  const outbox = open();
  const answer = outbox.submit('1', command);
  outbox.settle(ack('1'));
  expect(await answer).toEqual({ conversationId: 'c', seq: 7 });
});

test('a refusal says why', async () => {
  const outbox = open();
  const answer = outbox.submit('1', command);
  outbox.settle({ type: 'error', id: '1', code: 'not_allowed', message: 'no', retry: false });
  await expect(answer).rejects.toMatchObject({ code: 'not_allowed', message: 'no' });
});

test('what is not answered is sent again under the same id, what is answered is not', async () => {
  const outbox = open();
  const first = outbox.submit('1', command);
  const second = outbox.submit('2', command);
  outbox.settle(ack('1'));
  await first;
  sent = [];
  outbox.resend();
  expect(sent.map((frame) => 'id' in frame && frame.id)).toEqual(['2']);
  outbox.settle(ack('2'));
  outbox.settle(ack('2'));
  await second;
});

test('the time for an answer runs only while there is a connection', async () => {
  online = false;
  const outbox = open();
  const failed = vi.fn<(error: unknown) => void>();
  outbox.submit('1', command).catch(failed);
  await vi.advanceTimersByTimeAsync(600_000);
  expect(failed).not.toHaveBeenCalled();
  online = true;
  outbox.resend();
  outbox.pause();
  await vi.advanceTimersByTimeAsync(600_000);
  expect(failed).not.toHaveBeenCalled();
  outbox.resend();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(failed).toHaveBeenCalledWith(expect.objectContaining({ code: 'no_answer' }));
});

test('what may succeed later is tried three more times', async () => {
  const outbox = open();
  const answer = outbox.submit('1', command);
  const busy = { type: 'error', id: '1', code: 'overloaded', message: 'busy', retry: true } as const;
  for (let tries = 0; tries < 3; tries += 1) {
    outbox.settle(busy);
    await vi.advanceTimersByTimeAsync(1_000);
  }
  expect(sent).toHaveLength(4);
  outbox.settle(busy);
  await expect(answer).rejects.toMatchObject({ code: 'overloaded' });
});

test('it holds 200 commands and no more', async () => {
  online = false;
  const outbox = open();
  const answers = Array.from({ length: 201 }, () => outbox.submit(newId(), command));
  await expect(answers[200]).rejects.toMatchObject({ code: 'outbox_full' });
  const ended = Promise.allSettled(answers);
  outbox.clear();
  expect((await ended).every(({ status }) => status === 'rejected')).toBe(true);
});

const saying = (text: string): Command => ({
  type: 'SendMessage',
  conversationId: 'c',
  content: { kind: 'text', text },
  mentions: [],
});

test('what would not fit into a frame is refused at once, and never sent', async () => {
  const outbox = open();
  expect(MOST_BYTES).toBe(MAX_FRAME_BYTES);
  const escaped = outbox.submit('1', saying('\u0001'.repeat(limits.textBytes)));
  await expect(escaped).rejects.toMatchObject({ code: 'message_too_large' });
  expect(sent).toEqual([]);
  const plain = outbox.submit('2', saying('€'.repeat(Math.floor(limits.textBytes / 3))));
  outbox.settle(ack('2'));
  await plain;
});

test('a connection closed because of a frame’s size refuses the largest one that waits', async () => {
  const outbox = open();
  const small = outbox.submit('1', command);
  const large = outbox.submit('2', saying('x'.repeat(1_000)));
  const later = outbox.submit('3', command);
  outbox.refuseLargest();
  await expect(large).rejects.toMatchObject({ code: 'message_too_large' });
  sent = [];
  outbox.resend();
  expect(sent.map((frame) => 'id' in frame && frame.id)).toEqual(['1', '3']);
  outbox.settle(ack('1'));
  outbox.settle(ack('3'));
  await Promise.all([small, later]);
  outbox.refuseLargest();
});

test('ids are ULIDs, in the order of time', () => {
  expect(newId()).toMatch(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
  expect(newId(1_000) < newId(2_000)).toBe(true);
});
