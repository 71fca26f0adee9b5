import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mentionsIn, parse } from './text.ts';

const links = (text: string) => parse(text).flatMap((part) => (part.kind === 'link' ? [part.href] : []));

describe('addresses', () => {
  test('end before the punctuation of the sentence', () => {
    expect(links('see https://example.com/a?b=c#d, or (http://example.org/x_(y)).')).toEqual([
      'https://example.com/a?b=c#d',
      'http://example.org/x_(y)',
    ]);
  });

  test('are http and https only', () => {
    expect(links('javascript:alert(1) data:text/html,x ftp://example.com https://')).toEqual([]);
  });

  test('that never end are cut, and take no time that grows faster than they do', () => {
    expect(links(`http://a${')'.repeat(60_000)}`)).toEqual(['http://a/']);
    expect(links(`http://a${'.'.repeat(60_000)}a`)).toEqual(['http://a/']);
    expect(links(`http://a/${'x'.repeat(60_000)}`)).toHaveLength(1);
  });

  test('inside code are code', () => {
    expect(parse('`https://example.com`')).toEqual([{ kind: 'code', text: 'https://example.com' }]);
  });
});

describe('code', () => {
  test('between back quotes, in a line or as a block', () => {
    expect(parse('a `b` c\n```js\nd\ne\n```\nf')).toEqual([
      { kind: 'text', text: 'a ' },
      { kind: 'code', text: 'b' },
      { kind: 'text', text: ' c\n' },
      { kind: 'block', text: 'd\ne' },
      { kind: 'text', text: 'f' },
    ]);
  });
});

describe('mentions', () => {
  const people = [
    { userId: '1', name: 'ada' },
    { userId: '2', name: 'adam' },
    { userId: '3', name: 'nick@ubuntu' },
  ];
  const found = (text: string) => mentionsIn(text, people).map(({ userId }) => userId);

  test('take the longest name that ends with a word', () => {
    expect(found('@adam, @ada: @nick@ubuntu!')).toEqual(['2', '1', '3']);
    expect(found('@adamant')).toEqual([]);
  });

  test('are not in addresses of mail, and know no case', () => {
    expect(found('me@ada.example @ADA')).toEqual(['1']);
  });

  test('stand out in the text', () => {
    expect(parse('hi @ada!', people)).toEqual([
      { kind: 'text', text: 'hi ' },
      { kind: 'mention', text: '@ada', userId: '1' },
      { kind: 'text', text: '!' },
    ]);
  });
});

test('without code, no character is lost or added', () => {
  const people = [{ userId: '1', name: 'ada' }];
  const piece = fc.constantFrom('@ada', ' ', '\n', 'https://example.com/', ')', '.', 'é', '👍', '@', 'x');
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const text = pieces.join('');
      expect(
        parse(text, people)
          .map((part) => part.text)
          .join(''),
      ).toBe(text);
    }),
  );
});
