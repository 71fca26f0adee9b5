import { PassThrough, type Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as ws from 'ws';
import { createOutboxes, textFrame } from './outbox.ts';

/** What a client library reads in these bytes. */
const read = (bytes: Buffer): string[] => {
  const texts: string[] = [];
  // The types leave it out: the part of the library that reads a client's side of a connection.
  const { Receiver } = ws as unknown as { Receiver: new (options: object) => Writable };
  const receiver = new Receiver({ isServer: false });
  receiver.on('message', (data: Buffer) => texts.push(data.toString()));
  receiver.write(bytes);
  return texts;
};

describe('a frame', () => {
  it.each([0, 1, 125, 126, 127, 65_535, 65_536, 200_000])(
    'of %i bytes is read as it was written',
    (length) => {
      const text = 'x'.repeat(length);
      expect(read(textFrame(text))).toEqual([text]);
    },
  );
  it('is read as it was written, whatever it says', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(read(textFrame(text))).toEqual([text]);
      }),
    );
  });
});

describe('an outbox', () => {
  it('writes what is put in one turn at once, in order', async () => {
    const socket = new PassThrough();
    const box = createOutboxes()(socket);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    for (const text of ['a', 'b', 'c']) box.put(textFrame(text));
    expect(box.unread).toBe(9);
    await new Promise((resolve) => setImmediate(resolve));
    expect(read(Buffer.concat(chunks))).toEqual(['a', 'b', 'c']);
    expect(chunks).toHaveLength(1);
    box.put(textFrame('d'));
    box.flush();
    await new Promise((resolve) => setImmediate(resolve));
    expect(read(Buffer.concat(chunks))).toEqual(['a', 'b', 'c', 'd']);
  });
  it('keeps quiet when the socket is gone', () => {
    const socket = new PassThrough();
    const box = createOutboxes()(socket);
    socket.destroy();
    box.put(textFrame('a'));
    expect(() => box.flush()).not.toThrow();
  });
});
