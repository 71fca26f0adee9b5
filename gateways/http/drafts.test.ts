import { ulid } from 'ulid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { limits } from '../../domain/limits.ts';
import { type Http, startHttp } from '../../infra/testing/http.ts';
import { Draft, type Session } from '../protocol.ts';

let http: Http;
let ann: Session;
let bob: Session;
let eve: Session;
let conversations: [string, string];

beforeAll(async () => {
  http = await startHttp();
  ann = await http.signUp('ann');
  bob = await http.signUp('bob');
  eve = await http.signUp('eve');
  conversations = [await group('first'), await group('second')];
});
afterAll(() => http.close());

const group = async (title: string): Promise<string> => {
  const body = { title, members: [bob.user.userId] };
  const made = await http.ask('POST', '/v1/conversations', { token: ann.accessToken, body });
  return made.body.conversationId;
};
const put = ({ accessToken: token }: Session, conversationId: string, body: unknown) =>
  http.ask('PUT', `/v1/conversations/${conversationId}/draft`, { token, body });
const list = async ({ accessToken: token }: Session) => {
  const { status, body } = await http.ask('GET', '/v1/drafts', { token });
  expect(status).toBe(200);
  return z.strictObject({ drafts: z.array(z.strictObject(Draft.shape)) }).parse(body).drafts;
};

describe('drafts over HTTP', () => {
  it('are kept for oneself, the newest first, until they are emptied', async () => {
    const [first, second] = conversations;
    const answers = await Promise.all([
      put(ann, first, { text: 'one', replyTo: 0 }),
      put(ann, second, { text: 'two' }),
    ]);
    expect(answers.map(({ status, text }) => [status, text])).toEqual([
      [204, ''],
      [204, ''],
    ]);
    const drafts = await list(ann);
    expect(drafts.toSorted((a, b) => (a.text < b.text ? -1 : 1))).toMatchObject([
      { conversationId: first, text: 'one', replyTo: 0 },
      { conversationId: second, text: 'two' },
    ]);
    expect(drafts).toEqual(drafts.toSorted((a, b) => b.at - a.at));
    expect(await list(bob)).toEqual([]);
    expect((await put(ann, first, { text: '' })).status).toBe(204);
    expect((await list(ann)).map(({ text }) => text)).toEqual(['two']);
  });

  it('are no way into a conversation, nor a way to learn that it exists', async () => {
    const [first] = conversations;
    const outside = await put(eve, first, { text: 'hello' });
    const nowhere = await put(eve, ulid(), { text: 'hello' });
    expect([outside.status, outside.body]).toEqual([404, nowhere.body]);
    expect(outside.body.code).toBe('conversation_not_found');
    expect(await list(eve)).toEqual([]);
  });

  it('are refused when they are malformed, too long or nobody’s', async () => {
    const [first] = conversations;
    const bad = [{}, { text: 1 }, { text: 'x'.repeat(limits.draft + 1) }, { text: 'x', replyTo: -1 }];
    for (const body of bad) {
      const refused = await put(bob, first, body);
      expect([refused.status, refused.body.code]).toEqual([400, 'invalid_request']);
    }
    expect((await put(bob, 'nonsense', { text: 'x' })).status).toBe(400);
    expect((await http.ask('GET', '/v1/drafts')).status).toBe(401);
    expect((await put(bob, first, { text: 'x'.repeat(limits.draft) })).status).toBe(204);
  });
});
