import { once } from 'node:events';
import type { Writable } from 'node:stream';
import fc from 'fast-check';
import { unpack as unpackAny } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import * as ws from 'ws';
import { Frame } from './frame.ts';

/** What a client library reads in these bytes. */
const read = async (...frames: Buffer[]): Promise<Buffer[]> => {
  // The types leave them out: the parts of the library that read a client's side of a connection.
  const { Receiver, PerMessageDeflate } = ws as unknown as {
    Receiver: new (options: object) => Writable;
    PerMessageDeflate: new (options: object) => { accept(offers: object[]): void };
  };
  const deflate = new PerMessageDeflate({});
  deflate.accept([{}]);
  const receiver = new Receiver({ isServer: false, extensions: { 'permessage-deflate': deflate } });
  const messages: Buffer[] = [];
  receiver.on('message', (data: Buffer) => messages.push(data));
  receiver.end(Buffer.concat(frames));
  await once(receiver, 'finish');
  return messages;
};
const saying = (reason: string) => new Frame({ type: 'bye', reason, comeBackInMs: 7 });
const lengths = [0, 1, 80, 81, 82, 125, 126, 65_490, 65_535, 65_536, 200_000];

describe('a frame', () => {
  it('is read as it was written, whatever it says, in each encoding', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string({ unit: 'grapheme' }),
          fc.constantFrom(...lengths).map((length) => 'x'.repeat(length)),
        ),
        async (text) => {
          const frame = saying(text);
          const [plain, deflated, packed] = await read(frame.text(), frame.deflated(0), frame.msgpack());
          expect(JSON.parse(String(plain))).toEqual(frame.value);
          expect(JSON.parse(String(deflated))).toEqual(frame.value);
          expect(unpackAny(packed as Buffer)).toEqual(frame.value);
        },
      ),
    );
  });

  it('leaves out what is not there in each encoding', async () => {
    const frame = new Frame({ type: 'pong', sync: undefined } as never);
    const [plain, packed] = await read(frame.text(), frame.msgpack());
    expect(String(plain)).toBe('{"type":"pong"}');
    expect(Object.keys(unpackAny(packed as Buffer) as object)).toEqual(['type']);
  });

  it('is encoded once', () => {
    const frame = saying('x');
    expect(frame.text()).toBe(frame.text());
    expect(frame.deflated(0)).toBe(frame.deflated(0));
    expect(frame.msgpack()).toBe(frame.msgpack());
  });

  it('is compressed from the threshold on, by itself: others can be read without it', async () => {
    expect(saying('x').deflated(1024)[0]).toBe(0x81);
    const [first, second] = ['x', 'y'].map((letter) => saying(letter.repeat(2_000)).deflated(1024)) as [
      Buffer,
      Buffer,
    ];
    expect(first.length).toBeLessThan(100);
    expect(String((await read(second))[0])).toContain('yyy');
    expect(await read(first, second, first)).toHaveLength(3);
  });
});
