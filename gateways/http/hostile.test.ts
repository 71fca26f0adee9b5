import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Http, startHttp } from '../../infra/testing/http.ts';
import { ErrorBody } from '../protocol.ts';

let http: Http;
let token: string;
let url: string;

beforeAll(async () => {
  http = await startHttp();
  token = (await http.signUp('ann')).accessToken;
  const made = await http.ask('POST', '/v1/conversations', { token, body: { title: 'Tea', members: [] } });
  url = `/v1/conversations/${made.body.conversationId}`;
  await http.app.listen({ port: 0, host: '127.0.0.1' });
});
afterAll(() => http.close());

const text = (value: unknown) => ({ content: { kind: 'text', text: value } });

describe('bad input over HTTP', () => {
  const bodies: readonly (readonly [string, string, number, string])[] = [
    ['no JSON', '{"content":', 400, 'invalid_request'],
    ['nothing', '', 400, 'invalid_request'],
    ['an array', '[]', 400, 'invalid_request'],
    ['null', 'null', 400, 'invalid_request'],
    ['a number', '7', 400, 'invalid_request'],
    ['no content', '{}', 400, 'invalid_request'],
    ['an unknown kind', '{"content":{"kind":"shout","text":"a"}}', 400, 'invalid_request'],
    ['a text that is no text', JSON.stringify(text(7)), 400, 'invalid_request'],
    ['an empty text', JSON.stringify(text('')), 400, 'invalid_request'],
    ['a blank text', JSON.stringify(text(' \n ')), 400, 'invalid_request'],
    ['half a surrogate pair', '{"content":{"kind":"text","text":"\\ud800"}}', 400, 'invalid_request'],
    ['a byte more than 64 KiB', JSON.stringify(text('x'.repeat(64 * 1024 + 1))), 400, 'invalid_request'],
    [
      '64 KiB in characters, more in bytes',
      JSON.stringify(text('é'.repeat(40 * 1024))),
      400,
      'invalid_request',
    ],
    ['more than a body may have', JSON.stringify(text('x'.repeat(300 * 1024))), 413, 'payload_too_large'],
    [
      'a poisoned prototype',
      '{"__proto__":{"admin":true},"content":{"kind":"text","text":"a"}}',
      400,
      'invalid_request',
    ],
    [
      'a poisoned prototype inside',
      '{"content":{"kind":"text","text":"a","__proto__":{"x":1}}}',
      400,
      'invalid_request',
    ],
    [
      'a poisoned constructor',
      '{"constructor":{"prototype":{"x":1}},"content":{"kind":"text","text":"a"}}',
      400,
      'invalid_request',
    ],
    ['a negative reply', JSON.stringify({ ...text('a'), replyTo: -1 }), 400, 'invalid_request'],
    [
      '101 mentions',
      JSON.stringify({ ...text('a'), mentions: Array(101).fill('01HZZZZZZZZZZZZZZZZZZZZZZZ') }),
      400,
      'invalid_request',
    ],
    ['a hundred thousand brackets', '['.repeat(100_000), 400, 'invalid_request'],
  ];

  it.each(bodies)('refuses a message of %s', async (_, payload, status, code) => {
    const answer = await http.ask('POST', `${url}/messages`, { token, payload });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    ErrorBody.parse(answer.body);
    expect(answer.text).not.toMatch(/FST_|node_modules|\bat .*\.[jt]s/);
    expect(answer.text.length).toBeLessThan(5_000);
  });

  it('takes the longest message that is allowed', async () => {
    const longest = await http.ask('POST', `${url}/messages`, { token, body: text('é'.repeat(32 * 1024)) });
    expect(longest.status).toBe(201);
  });

  it('says where a request is malformed', async () => {
    const body = { content: { kind: 'text', text: '' }, replyTo: 'x' };
    const { body: answer } = await http.ask('POST', `${url}/messages`, { token, body });
    expect(answer.details.map(({ path }: { path: string }) => path)).toEqual(
      expect.arrayContaining(['content.text', 'replyTo']),
    );
  });

  it('takes JSON only', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'nonsense',
    ]) {
      const answer = await http.ask('POST', `${url}/messages`, {
        token,
        payload: 'a=b',
        headers: { 'content-type': type },
      });
      expect([type, answer.status, answer.body.code]).toEqual([type, 415, 'unsupported_media_type']);
    }
  });

  const addresses: readonly (readonly ['GET' | 'PUT' | 'POST', string, number, string])[] = [
    ['GET', '/v1/nothing', 404, 'not_found'],
    ['GET', '/v1', 404, 'not_found'],
    ['PUT', '/v1/site', 404, 'not_found'],
    ['POST', '/nothing', 404, 'not_found'],
    ['GET', '/v1/conversations/%', 400, 'invalid_request'],
    ['GET', '/v1/conversations/..%2f..%2fetc%2fpasswd', 400, 'invalid_request'],
    ['GET', '/v1/conversations/01HZZZZZZZZZZZZZZZZZZZZZZZ/messages/abc', 400, 'invalid_request'],
    [
      'GET',
      '/v1/conversations/01HZZZZZZZZZZZZZZZZZZZZZZZ/messages/99999999999999999999',
      400,
      'invalid_request',
    ],
    ['PUT', '/v1/conversations/01HZZZZZZZZZZZZZZZZZZZZZZZ/messages/1/reactions/abc', 400, 'invalid_request'],
    ['PUT', '/v1/conversations/direct/nobody', 400, 'invalid_request'],
    ['GET', '/v1/users?ids[$ne]=1', 400, 'invalid_request'],
    ['GET', `/v1/conversations/${'x'.repeat(600)}`, 400, 'invalid_request'],
  ];

  it.each(addresses)('answers %s %s in its own words', async (method, address, status, code) => {
    const answer = await http.ask(method, address, { token });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    ErrorBody.parse(answer.body);
  });

  it('does not read the body of somebody who is not signed in', async () => {
    const answer = await http.ask('POST', `${url}/messages`, { payload: '{"content":' });
    expect(answer.body.code).toBe('unauthorized');
  });

  it('answers what is no HTTP in the same form', async () => {
    const { port } = http.app.server.address() as AddressInfo;
    const answer = await new Promise<string>((resolve, fail) => {
      const socket = connect(port, '127.0.0.1', () => socket.write('NONSENSE\r\n\r\n'));
      let received = '';
      socket.on('data', (data) => (received += String(data)));
      socket.on('end', () => resolve(received));
      socket.on('error', fail);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(ErrorBody.parse(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).code).toBe('invalid_request');
  });

  it('takes a request’s name only in a form that can stand in a log', async () => {
    const id = async (given: string) =>
      (await http.ask('GET', '/v1/site', { headers: { 'x-request-id': given } })).headers['x-request-id'];
    expect(await id('trace-42')).toBe('trace-42');
    for (const bad of ['', 'a b', 'x'.repeat(101), 'ä']) expect(await id(bad)).toMatch(/^[0-9A-Z]{26}$/);
  });
});
