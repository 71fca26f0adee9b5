import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { streamOf } from '../../domain/id.ts';
import { type Http, startHttp } from '../../infra/testing/http.ts';
import { Acknowledgement, Message, type Session, TimelinePage } from '../protocol.ts';

let http: Http;
let ann: Session;
let bob: Session;
let url: string;
let token: string;

beforeAll(async () => {
  http = await startHttp();
  ann = await http.signUp('ann');
  bob = await http.signUp('bob');
  token = ann.accessToken;
  const body = { title: 'Tea', members: [bob.user.userId] };
  const made = await http.ask('POST', '/v1/conversations', { token, body });
  url = `/v1/conversations/${made.body.conversationId}`;
});
afterAll(() => http.close());

const send = async (text: string, more: object = {}, headers: Record<string, string> = {}) => {
  const body = { content: { kind: 'text', text }, ...more };
  return http.ask('POST', `${url}/messages`, { token, body, headers });
};
const sent = async (text: string, more: object = {}) => {
  const { status, body } = await send(text, more);
  expect(status).toBe(201);
  return z.strictObject(Acknowledgement.shape).parse(body).seq;
};
const read = async (seq: number) => {
  const { status, body } = await http.ask('GET', `${url}/messages/${seq}`, { token: bob.accessToken });
  expect(status).toBe(200);
  return z.strictObject(Message.shape).parse(body);
};

describe('messages over HTTP', () => {
  it('are there for the others as soon as they are acknowledged', async () => {
    const seq = await sent('hello', { mentions: [bob.user.userId] });
    expect(await read(seq)).toMatchObject({
      by: ann.user.userId,
      content: { kind: 'text', text: 'hello' },
      mentions: [bob.user.userId],
      reactions: [],
    });
    const reply = await sent('and again', { replyTo: seq });
    expect((await read(reply)).replyTo).toBe(seq);
    expect((await send('to nothing', { replyTo: 0 })).body.code).toBe('message_not_found');
    expect((await http.ask('GET', `${url}/messages/0`, { token })).body.code).toBe('message_not_found');
  });

  it('are sent once with one key, and never another text with it', async () => {
    const key = { 'idempotency-key': '01J00000000000000000000000' };
    const first = await send('only once', {}, key);
    expect(first.status).toBe(201);
    expect((await send('only once', {}, key)).body).toEqual(first.body);
    expect((await read(first.body.seq)).clientId).toBe(key['idempotency-key']);
    const other = await send('something else', {}, key);
    expect([other.status, other.body.code, other.body.retry]).toEqual([409, 'client_id_reused', false]);
  });

  it('are edited by their sender, reacted to, pinned and redacted', async () => {
    const seq = await sent('frist');
    const one = `${url}/messages/${seq}`;
    const edit = (who: string) =>
      http.ask('PATCH', one, { token: who, body: { content: { kind: 'text', text: 'first' } } });
    expect((await edit(bob.accessToken)).body.code).toBe('not_the_sender');
    expect((await edit(token)).status).toBe(200);
    const thumb = `${one}/reactions/${encodeURIComponent('👍🏽')}`;
    expect((await http.ask('PUT', thumb, { token: bob.accessToken })).status).toBe(200);
    expect((await http.ask('PUT', `${one}/pin`, { token })).status).toBe(200);
    const message = await read(seq);
    expect(message).toMatchObject({
      content: { text: 'first' },
      reactions: [{ emoji: '👍🏽', userIds: [bob.user.userId] }],
    });
    expect(message.editedAt).toBeTypeOf('number');
    expect(message.pinned?.by).toBe(ann.user.userId);
    const pins = async () =>
      (await http.ask('GET', `${url}/pins`, { token })).body.messages.map((pin: Message) => pin.seq);
    expect(await pins()).toEqual([seq]);

    expect((await http.ask('DELETE', thumb, { token: bob.accessToken })).status).toBe(200);
    expect((await http.ask('DELETE', `${one}/pin`, { token })).status).toBe(200);
    expect((await read(seq)).reactions).toEqual([]);
    expect(await pins()).toEqual([]);

    expect((await http.ask('DELETE', `${one}?reason=typo`, { token: bob.accessToken })).body.code).toBe(
      'not_allowed',
    );
    expect((await http.ask('DELETE', `${one}?reason=typo`, { token })).status).toBe(200);
    const redacted = await read(seq);
    expect(redacted.content).toBeUndefined();
    expect(redacted.redacted).toMatchObject({ by: ann.user.userId, reason: 'typo' });
    const late = await edit(token);
    expect([late.status, late.body.code]).toEqual([410, 'message_redacted']);
  });

  it('are promised up to where their view has parked the conversation', async () => {
    const made = await http.ask('POST', '/v1/conversations', { token, body: { title: 'Hole', members: [] } });
    const { conversationId } = made.body;
    const hole = `/v1/conversations/${conversationId}`;
    const say = { token, body: { content: { kind: 'text', text: 'hello' } } };
    for (let n = 0; n < 3; n += 1) await http.ask('POST', `${hole}/messages`, say);
    const lastSeq = async () => (await http.ask('GET', `${hole}/messages`, { token })).body.lastSeq;
    expect(await lastSeq()).toBe(4);
    const mark = { pk: 'messages', sk: streamOf(conversationId), seq: 3, revision: 1, healed: false };
    await http.core.tables.swap('parked', mark, undefined);
    expect(await lastSeq()).toBe(2);
    await http.core.tables.swap('parked', { ...mark, revision: 2, seq: 0 }, 1);
    const nothing = await http.ask('GET', `${hole}/messages`, { token });
    expect([nothing.status, nothing.body.code]).toEqual([503, 'view_behind']);
  });

  it('come in pages, from either end and around one', async () => {
    const made = await http.ask('POST', '/v1/conversations', { token, body: { title: 'Long', members: [] } });
    const long = `/v1/conversations/${made.body.conversationId}`;
    await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        http.ask('POST', `${long}/messages`, {
          token,
          body: { content: { kind: 'text', text: `number ${i}` } },
        }),
      ),
    );
    const page = async (query: string) => {
      const { status, body } = await http.ask('GET', `${long}/messages${query}`, { token });
      expect(status).toBe(200);
      return z.strictObject(TimelinePage.shape).parse(body);
    };
    const newest = await page('');
    expect(newest.items.map(({ seq }) => seq)).toEqual(Array.from({ length: 50 }, (_, i) => i + 12));
    expect(newest).toMatchObject({ before: 12, lastSeq: 61 });
    const oldest = await page(`?before=${newest.before}`);
    expect(oldest.items.map(({ kind }) => kind).slice(0, 3)).toEqual(['notice', 'notice', 'message']);
    expect(oldest.before).toBeUndefined();
    expect((await page('?after=2&limit=3')).items.map(({ seq }) => seq)).toEqual([3, 4, 5]);
    const around = await page('?around=30&limit=10');
    expect(around.items.map(({ seq }) => seq)).toContain(30);
    expect(around.items).toHaveLength(10);
    for (const query of [
      '?limit=0',
      '?limit=101',
      '?before=x',
      '?before=1&after=2',
      '?after=-1',
      '?atLeast=1.5',
      '?before=1e99',
    ]) {
      const { status, body } = await http.ask('GET', `${long}/messages${query}`, { token });
      expect([query, status, body.code]).toEqual([query, 400, 'invalid_request']);
    }
  });
});
