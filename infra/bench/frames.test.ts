import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { clientFrame, eachServerFrame } from './frames.ts';

const unmasked = (frame: Buffer): string => {
  const long = ((frame[1] ?? 0) & 0x7f) === 126;
  const start = long ? 8 : 6;
  const mask = frame.subarray(start - 4, start);
  return Buffer.from(frame.subarray(start).map((byte, i) => byte ^ (mask[i & 3] ?? 0))).toString('utf8');
};

const serverFrame = (text: string): Buffer => {
  const payload = Buffer.from(text);
  const head =
    payload.length < 126 ? [0x81, payload.length] : [0x81, 126, payload.length >> 8, payload.length & 0xff];
  return Buffer.concat([Buffer.from(head), payload]);
};

describe('frames', () => {
  test.prop([fc.string({ unit: 'binary', maxLength: 300 })])(
    'a client frame holds its text, masked',
    (text) => {
      const frame = clientFrame(text);
      expect(frame[0]).toBe(0x81);
      expect((frame[1] ?? 0) & 0x80).toBe(0x80);
      expect(unmasked(frame)).toBe(Buffer.from(text).toString('utf8'));
    },
  );

  test.prop([fc.array(fc.string({ maxLength: 200 }), { maxLength: 10 }), fc.array(fc.nat(2000))])(
    'frames of a server are read whole however the bytes are cut',
    (texts, cuts) => {
      const bytes = Buffer.concat(texts.map(serverFrame));
      const found: string[] = [];
      let rest = Buffer.alloc(0);
      const edges = [
        0,
        ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b),
        bytes.length,
      ];
      for (const [i, from] of edges.slice(0, -1).entries()) {
        const chunk = Buffer.concat([rest, bytes.subarray(from, edges[i + 1])]);
        const used = eachServerFrame(chunk, (_opcode, all, start, end) =>
          found.push(all.toString('utf8', start, end)),
        );
        rest = Buffer.from(chunk.subarray(used));
      }
      expect(found).toEqual(texts);
      expect(rest.length).toBe(0);
    },
  );

  it('refuses what does not fit into a frame with a length of 16 bits', () => {
    expect(() => clientFrame('x'.repeat(65_536))).toThrow(RangeError);
  });
});
