import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { unpack } from './msgpack.ts';

const packr = new Packr({ useRecords: false, variableMapSize: true });
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('MessagePack', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (one) => {
        const text = JSON.stringify(one);
        fc.pre(!text.includes('__proto__'));
        expect(JSON.stringify(unpack(packr.pack(one)))).toBe(text);
      }),
    );
    for (const one of [2 ** 40, -(2 ** 40), 1.5, 'x'.repeat(70_000), Array.from({ length: 70_000 }, () => 1)])
      expect(unpack(packr.pack(one))).toEqual(one);
  });

  it.each([
    ['nothing', ''],
    ['a byte too many', 'c0 c0'],
    ['a byte that means nothing', 'c1'],
    ['a text that ends too early', 'a5 61'],
    ['a list that can’t be as long as it says', 'dd ff ff ff ff'],
    ['a map that can’t be as long as it says', 'df ff ff ff ff'],
    ['a map whose key is a number', '81 01 01'],
    ['a prototype', '81 a9 5f 5f 70 72 6f 74 6f 5f 5f 80'],
    ['a number that JSON has no place for', 'cf ff ff ff ff ff ff ff ff'],
    ['bytes', 'c4 01 00'],
    ['an extension', 'd4 01 00'],
    ['the definition of a record', 'd4 72 40 91 a1 61 01'],
    ['a regular expression', 'c7 00 78'],
    ['an error', 'd4 65 00 90'],
  ])('is not read if it is %s', (_, bytes) => {
    expect(unpack(hex(bytes))).toBeUndefined();
  });

  it('is not read if it is too deep, which costs nothing', () => {
    expect(unpack(Buffer.alloc(100_000, 0x91))).toBeUndefined();
  });

  it('whatever the bytes are, answers or says nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => unpack(Buffer.from(bytes))).not.toThrow();
      }),
    );
  });
});
