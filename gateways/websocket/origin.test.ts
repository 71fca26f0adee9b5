import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { addressOf, isForeign } from './origin.ts';

const from = (forwarded?: string) =>
  ({
    headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
    socket: { remoteAddress: '10.0.0.1' },
  }) as unknown as IncomingMessage;

describe('where a request comes from', () => {
  it.each([
    [0, undefined, '10.0.0.1'],
    [0, '1.1.1.1', '10.0.0.1'],
    [1, '1.1.1.1', '1.1.1.1'],
    [1, '6.6.6.6, 1.1.1.1', '1.1.1.1'],
    [2, '6.6.6.6, 1.1.1.1,10.0.0.2', '1.1.1.1'],
    [2, '1.1.1.1', '1.1.1.1'],
    [1, undefined, '10.0.0.1'],
  ])('is, behind %i proxies that say %s, %s', (proxies, forwarded, address) => {
    expect(addressOf(from(forwarded), proxies)).toBe(address);
  });
});

describe('a page', () => {
  it.each([
    [undefined, false],
    ['http://chat.local:8080', false],
    ['https://chat.example', false],
    ['https://evil.example', true],
    ['null', true],
    ['http://chat.local', true],
  ])('of %s is of another site: %s', (origin, foreign) => {
    const headers = { host: 'chat.local:8080', ...(origin !== undefined && { origin }) };
    expect(isForeign(headers, 'chat.example')).toBe(foreign);
  });
});
