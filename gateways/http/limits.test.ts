import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Http, startHttp } from '../../infra/testing/http.ts';
import type { Session } from '../protocol.ts';

describe('limits over HTTP', () => {
  let http: Http;
  let ann: Session;
  let ben: Session;
  beforeAll(async () => {
    http = await startHttp({}, { person: 0, device: 0.5, address: 0, conversation: 0.2 });
    ann = await http.signUp('ann');
    ben = await http.signUp('ben');
  });
  afterAll(() => http.close());

  const found = (session: Session) =>
    http.ask('POST', '/v1/conversations', {
      token: session.accessToken,
      body: { title: 'Tea', members: [ann.user.userId, ben.user.userId] },
    });

  it('answer 429, which limit it was, and when to go on; what is only read passes', async () => {
    const { body: group } = await found(ann);
    const say = (session: Session) =>
      http.ask('POST', `/v1/conversations/${group.conversationId}/messages`, {
        token: session.accessToken,
        body: { content: { kind: 'text', text: 'hi' } },
      });
    expect([(await say(ann)).status, (await say(ben)).status]).toEqual([201, 201]);
    const busy = await say(ben);
    expect(busy).toMatchObject({
      status: 429,
      body: { code: 'rate_limited', retry: true, limit: 'conversation', retryAfterMs: expect.any(Number) },
    });
    expect(Number(busy.headers['retry-after'])).toBe(Math.ceil(busy.body.retryAfterMs / 1000));
    const answers = [await found(ann), await found(ann), await found(ann), await found(ann)];
    expect(answers.at(-1)).toMatchObject({ status: 429, body: { code: 'rate_limited', limit: 'device' } });
    expect((await found(ben)).status).toBe(201);
    for (let n = 0; n < 10; n += 1)
      expect((await http.ask('GET', '/v1/conversations', { token: ann.accessToken })).status).toBe(200);
  });
});
