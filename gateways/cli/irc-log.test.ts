import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { IrcLine } from '../../commands/irc-plan.ts';
import { NotALog, parseIrcLog } from './irc-log.ts';

const log = (text: string, name = '2005-06-16.txt') => parseIrcLog(name, Buffer.from(text));
const at = (time: string) => Date.parse(`${time}:00Z`);
const sample = (name: string) =>
  parseIrcLog(name, readFileSync(new URL(`../../infra/testing/irc-sample/${name}`, import.meta.url)));
const counts = (lines: readonly IrcLine[]) => {
  const of = (kind: IrcLine['kind']) => lines.filter((line) => line.kind === kind).length;
  return {
    message: of('message'),
    action: of('action'),
    join: of('join'),
    leave: of('leave'),
    rename: of('rename'),
  };
};

test('an excerpt of a log with joins and parts is read whole, but for an action without a time', () => {
  const { channel, lines, skipped } = sample('2004-12-25.excerpt.raw.txt');
  expect(channel).toBe('#ubuntu');
  expect(counts(lines)).toEqual({ message: 117, action: 0, join: 28, leave: 2, rename: 2 });
  expect(skipped).toEqual([{ line: 74, reason: expect.stringContaining('an action or a notice') }]);
  expect(lines[0]).toMatchObject({ kind: 'message', nick: 'Hendrik_', at: at('2004-12-25T04:40') });
});

test('an excerpt of a log with actions and renames only is read whole', () => {
  const { channel, lines, skipped } = sample('2010-03-08.excerpt.raw.txt');
  expect(channel).toBeUndefined();
  expect(counts(lines)).toEqual({ message: 144, action: 2, join: 0, leave: 0, rename: 4 });
  expect(skipped).toEqual([]);
});

describe('what a line says', () => {
  const first = (line: string) => {
    const { lines, skipped } = log(`[10:00] <x> y\n${line}\n`);
    return skipped[0]?.reason ?? lines[1];
  };
  test.each([
    ['[10:01] <ann>  two  blanks ', { kind: 'message', nick: 'ann', text: ' two  blanks ' }],
    ['[10:01] <ann>', { kind: 'message', nick: 'ann', text: '' }],
    ['[10:01] <bur[n] er> hi\r', { kind: 'message', nick: 'bur[n]er', text: 'hi' }],
    ['[10:01] <[optik] > hi', { kind: 'message', nick: '[optik]', text: 'hi' }],
    ['[10:01]  * ann waves', { kind: 'action', nick: 'ann', text: 'waves' }],
    ['[10:01] * ann waves', { kind: 'action', nick: 'ann', text: 'waves' }],
    ['[10:01] -ann:#ubuntu- hear', { kind: 'message', nick: 'ann', text: 'hear' }],
    ['[10:01] (ann/#ubuntu) hear', { kind: 'message', nick: 'ann', text: 'hear' }],
    ['=== ann [~a@b.example]  has joined #Ubuntu', { kind: 'join', nick: 'ann' }],
    ['=== [A] ndy [n=x@b.example]  has joined #ubuntu', { kind: 'join', nick: '[A]ndy' }],
    ['=== ann [[H] -1@b.example]  has joined #ubuntu', { kind: 'join', nick: 'ann' }],
    ['=== ann [~a@b.example]  has left #ubuntu ["Leaving"]', { kind: 'leave', nick: 'ann' }],
    ['=== ann [~a@b.example] has quit [timeout]', { kind: 'leave', nick: 'ann' }],
    ['=== ann was kicked off #ubuntu by bob (flood)', { kind: 'leave', nick: 'ann' }],
    ['=== ann is now known as [M] ann', { kind: 'rename', nick: 'ann', to: '[M]ann' }],
    ['=== ..[topic/#ubuntu:ann] : Be nice', { kind: 'topic', text: 'Be nice' }],
    ['=== ann changed the topic of #ubuntu to: Be nice', { kind: 'topic', text: 'Be nice' }],
  ])('%s', (line, said) => {
    expect(first(line)).toMatchObject(said);
  });
  test.each([
    ['=== ann is now known as the king of the hill', /an action or a notice/],
    ['=== ann has joined the party', /an action or a notice/],
    ['=== mode/#ubuntu [+o ann]  by ChanServ', /a mode of the channel/],
    ['=== netjoined: irc.example -> other.example', /news of the IRC server/],
    ['[10:01] hello', /neither <nick> nor/],
    ['[25:01] <ann> hello', /neither a time nor ===/],
    ['hello', /neither a time nor ===/],
    [`[10:01] <ann> ${'é'.repeat(40_000)}`, /more than 65536 bytes/],
    [`=== ann [${'[ '.repeat(50_000)}`, /more than 2000 characters/],
  ])('%.60s is skipped with the reason', (line, reason) => {
    expect(first(line)).toMatch(reason);
  });
});

describe('the time', () => {
  const times = (...clocks: string[]) =>
    log(
      clocks.map((clock) => (clock === '' ? '=== a is now known as b' : `[${clock}] <a> b`)).join('\n'),
    ).lines.map((line) => new Date(line.at).toISOString().slice(5, 16));
  test('wraps past midnight', () => {
    expect(times('23:59', '00:00', '13:00', '00:01')).toEqual([
      '06-16T23:59',
      '06-17T00:00',
      '06-17T13:00',
      '06-18T00:01',
    ]);
  });
  test('of a clock of twelve hours wraps at noon too', () => {
    expect(times('11:59', '12:59', '01:03', '11:00', '00:10')).toEqual([
      '06-16T11:59',
      '06-16T12:59',
      '06-16T13:03',
      '06-16T23:00',
      '06-17T00:10',
    ]);
  });
  test('stands still while a clock that was set back catches up', () => {
    expect(times('15:30', '14:45', '15:31')).toEqual(['06-16T15:30', '06-16T15:30', '06-16T15:31']);
  });
  test('of a line without one is that of the line before, at the top that of the first line that has one', () => {
    expect(times('', '10:00', '10:01', '')).toEqual([
      '06-16T10:00',
      '06-16T10:00',
      '06-16T10:01',
      '06-16T10:01',
    ]);
  });
});

test.each([
  ['log.txt', '[10:00] <a> b', /no date/],
  ['2005-02-30.txt', '[10:00] <a> b', /does not exist/],
  ['2005-02-20.txt', '[10:00] <a> b\0', /binary/],
  ['2005-02-20.txt', Buffer.from([0x5b, 0xff]), /not UTF-8/],
  ['2005-02-20.txt', '', /no line of an IRC log/],
  ['2005-02-20.txt', 'Dear all,\n', /no line of an IRC log/],
])('%s with %j is no log', (name, content, reason) => {
  const parse = () => parseIrcLog(name, Buffer.from(content));
  expect(parse).toThrow(NotALog);
  expect(parse).toThrow(reason);
});

test('whatever the text, every line is read, skipped or empty, and time never goes back', () => {
  const piece = fc.constantFrom(
    '[',
    ']',
    '=== ',
    '[10:00] ',
    '[09:59] ',
    '[23:00] ',
    '<a> ',
    '* ',
    'is now known as ',
    '[x@y] ',
    ' has joined #c',
    '\r',
  );
  const line = fc
    .array(fc.oneof(piece, fc.string({ maxLength: 5 })), { maxLength: 6 })
    .map((pieces) => pieces.join('').replace(/[\n\0]/g, ''));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 30 }), (texts) => {
      const { lines, skipped } = log(['[10:00] <a> b', ...texts].join('\n'));
      expect(lines.length + skipped.length).toBe(
        1 + texts.filter((text) => text !== '' && text !== '\r').length,
      );
      expect(lines.map((entry) => entry.at)).toEqual(
        lines.map((entry) => entry.at).toSorted((a, b) => a - b),
      );
    }),
  );
});
