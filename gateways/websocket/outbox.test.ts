import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createBacklog } from './backlog.ts';
import { Outbox, createFlusher } from './outbox.ts';

const boxes = () => {
  const flusher = createFlusher(createBacklog(1024));
  return () => {
    const written: Buffer[] = [];
    let release: (() => void) | undefined;
    const socket = new Duplex({
      read: () => undefined,
      write(chunk: Buffer, _, done) {
        written.push(chunk);
        release = done;
      },
    });
    return { socket, written, box: new Outbox(socket, flusher), read: () => release?.() };
  };
};
const [a, b, c] = ['a', 'b', 'c'].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer];

describe('an outbox', () => {
  it('writes what is put in one turn at once, in order, and counts it until it is read', async () => {
    const { box, written, read } = boxes()();
    for (const frame of [a, b, c]) box.put(frame);
    expect([box.unread, written.length]).toEqual([3, 0]);
    await turn();
    expect([box.unread, written.map(String)]).toEqual([3, ['abc']]);
    read();
    expect(box.unread).toBe(0);
    box.put(a);
    box.flush();
    expect(written.map(String)).toEqual(['abc', 'a']);
  });

  it('writes the same bytes as others that get the same, copied once at most', async () => {
    const box = boxes();
    const room = [box(), box(), box()] as const;
    for (const one of room) one.box.put(a);
    await turn();
    for (const { written } of room) expect(written[0]).toBe(a);
    for (const { read } of room) read();
    for (const frame of [b, c]) for (const one of room) one.box.put(frame);
    room[2].box.put(a);
    await turn();
    expect(room.map(({ written }) => String(written[1]))).toEqual(['bc', 'bc', 'bca']);
    expect(room[1].written[1]).toBe(room[0].written[1]);
  });

  it('keeps quiet when the socket is gone', () => {
    const { socket, box, written } = boxes()();
    socket.destroy();
    box.put(a);
    expect(box.flush()).toBe(true);
    expect([box.unread, written.length]).toEqual([0, 0]);
  });

  it('ends those with most of it when all together have too much unread', async () => {
    const box = boxes();
    const [slow, quick] = [box(), box()];
    slow.box.put(Buffer.alloc(100_000));
    quick.box.put(a);
    await turn();
    expect([slow.socket.destroyed, quick.socket.destroyed]).toEqual([true, false]);
  });
});
