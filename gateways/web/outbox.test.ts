import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ClientFrame, Command } from '../protocol.ts';
import { newId } from './id.ts';
import { createOutbox } from './outbox.ts';

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

test('ids are ULIDs, in the order of time', () => {
  expect(newId()).toMatch(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
  expect(newId(1_000) < newId(2_000)).toBe(true);
});
