import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_STREAM, START } from '../../domain/ports/event-store.ts';
import { event } from '../../infra/event-store/contract-tools.ts';
import { openTemporaryStore } from '../../infra/testing/command-side.ts';
import { SyncToken } from '../protocol.ts';
import { decodeSync, encodeSync, endOf, markOf, resolveSync, startMark } from './sync-token.ts';

const encode = (text: string) => Buffer.from(text, 'latin1').toString('base64url');

describe('a sync token', () => {
  it('says what it was made of, and fits the protocol', () => {
    const hex = fc.string({
      unit: fc.constantFrom(...Array.from('0123456789abcdef')),
      minLength: 8,
      maxLength: 8,
    });
    const place = fc.string({
      unit: fc.constantFrom(...Array.from('0123456789-@ab')),
      minLength: 1,
      maxLength: 100,
    });
    fc.assert(
      fc.property(hex, place, (fingerprint, position) => {
        const token = encodeSync({ fingerprint, position });
        expect(SyncToken.parse(token)).toBe(token);
        expect(decodeSync(token)).toEqual({ fingerprint, position });
      }),
    );
    expect(decodeSync(encodeSync(startMark))).toEqual({ fingerprint: '', position: START });
  });

  it.each([
    '',
    ' ',
    'x',
    '1',
    '=',
    'null',
    encode('2abcdef01.0000000000000001'),
    encode('1abcdef01.'),
    encode('1.0000000000000001'),
    encode('1ABCDEF01.0000000000000001'),
    encode('1abcdef01.0000 0001'),
    encode('1abcdef01.é'),
    `${encode('1abcdef01.0000000000000001')}=`,
    'ÿ'.repeat(20),
  ])('is not read in %j', (text) => {
    expect(decodeSync(text)).toBeUndefined();
  });

  it('is not read in anything at random', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        expect(decodeSync(text)).toBeUndefined();
      }),
    );
  });
});

describe('the log', () => {
  it('knows its own tokens, and refuses those of another history', async () => {
    await using temporary = await openTemporaryStore();
    const { store } = temporary;
    expect(await endOf(store)).toEqual(startMark);
    const [one, two] = [event(), event()];
    await store.append('test-1', NO_STREAM, [one, two]);
    const [first, second] = await store.read('test-1');
    if (!first || !second) throw new Error('nothing was appended');
    expect(await endOf(store)).toEqual({ position: second.position, fingerprint: two.id.slice(0, 8) });
    for (const mark of [startMark, markOf(first), markOf(second)])
      expect(await resolveSync(store, encodeSync(mark))).toEqual(mark);
    const foreign = [
      { position: first.position, fingerprint: 'ffffffff' },
      { ...markOf(second), position: first.position },
      { ...markOf(second), position: second.position.replace(/.$/, '9') },
      { ...markOf(first), position: String(Number(first.position)) },
      { ...markOf(first), position: 'x' },
    ];
    for (const mark of foreign)
      expect(await resolveSync(store, encodeSync(mark))).toMatchObject({ code: 'sync_token_foreign' });
    expect(await resolveSync(store, 'x')).toMatchObject({ code: 'sync_token_invalid' });
  });
});
