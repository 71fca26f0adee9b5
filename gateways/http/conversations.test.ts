import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Registry } from 'prom-client';
import { conversationCodec } from '../../domain/codec.ts';
import { streamOf } from '../../domain/id.ts';
import { type Http, asking, startHttp } from '../../infra/testing/http.ts';
import { createHttpServer } from './server.ts';
import {
  Acknowledgement,
  ConversationDetail,
  ConversationSummary,
  EventsPage,
  type Session,
} from '../protocol.ts';

let http: Http;
let ann: Session;
let bob: Session;
let eve: Session;
let token: string;

beforeAll(async () => {
  http = await startHttp();
  ann = await http.signUp('ann');
  bob = await http.signUp('bob');
  eve = await http.signUp('eve');
  token = ann.accessToken;
});
afterAll(() => http.close());

const group = async (title = 'Tea', members = [bob.user.userId]) => {
  const made = await http.ask('POST', '/v1/conversations', { token, body: { title, members } });
  expect(made.status).toBe(201);
  const { conversationId } = z.strictObject(Acknowledgement.shape).parse(made.body);
  return { conversationId, url: `/v1/conversations/${conversationId}` };
};
const unknown = '/v1/conversations/01HZZZZZZZZZZZZZZZZZZZZZZZ';
const say = (url: string, text: string, who = token) =>
  http.ask('POST', `${url}/messages`, { token: who, body: { content: { kind: 'text', text } } });

describe('conversations over HTTP', () => {
  it('starts a group, and shows it to its members at once', async () => {
    const { conversationId, url } = await group();
    const { status, body } = await http.ask('GET', url, { token: bob.accessToken });
    expect(status).toBe(200);
    expect(z.strictObject(ConversationDetail.shape).parse(body)).toMatchObject({
      conversationId,
      kind: 'group',
      title: 'Tea',
      role: 'member',
      pins: [],
      lastSeq: 2,
    });
    expect(body.members).toHaveLength(2);
  });

  it('finds the same direct conversation again, from both sides', async () => {
    const start = (who: Session, other: Session) =>
      http.ask('PUT', `/v1/conversations/direct/${other.user.userId}`, { token: who.accessToken });
    const first = await start(ann, bob);
    expect(first.status).toBe(200);
    expect((await start(bob, ann)).body).toEqual(first.body);
    expect((await start(ann, ann)).body.code).toBe('direct_with_self');
    const nobody = await http.ask('PUT', '/v1/conversations/direct/01HZZZZZZZZZZZZZZZZZZZZZZZ', { token });
    expect([nobody.status, nobody.body.code]).toEqual([404, 'user_not_found']);
  });

  it('lists the last active first, with the last message', async () => {
    const [one, two] = [await group('One'), await group('Two')];
    await say(one.url, 'the newest');
    const { body } = await http.ask('GET', '/v1/conversations', { token });
    const list = z.array(z.strictObject(ConversationSummary.shape)).parse(body.conversations);
    expect(list.map(({ lastActivityAt }) => lastActivityAt)).toEqual(
      list.map(({ lastActivityAt }) => lastActivityAt).toSorted((a, b) => b - a),
    );
    const found = list.find(({ conversationId }) => conversationId === one.conversationId);
    expect(found?.lastMessage).toMatchObject({ seq: 3, content: { kind: 'text', text: 'the newest' } });
    expect(
      list.find(({ conversationId }) => conversationId === two.conversationId)?.lastMessage,
    ).toBeUndefined();
    const hers = await http.ask('GET', '/v1/conversations', { token: eve.accessToken });
    expect(hers.body).toEqual({ conversations: [] });
  });

  it('is renamed and given a topic by those who may', async () => {
    const { url } = await group();
    expect((await http.ask('PUT', `${url}/title`, { token, body: { title: 'Coffee' } })).status).toBe(200);
    expect((await http.ask('PUT', `${url}/topic`, { token, body: { topic: 'Beans' } })).status).toBe(200);
    const refused = await http.ask('PUT', `${url}/title`, { token: bob.accessToken, body: { title: 'No' } });
    expect([refused.status, refused.body.code]).toEqual([403, 'not_allowed']);
    expect((await http.ask('GET', url, { token })).body).toMatchObject({ title: 'Coffee', topic: 'Beans' });
  });

  it('gives its events from the log, from any seq on', async () => {
    const { url } = await group();
    for (let i = 0; i < 5; i += 1) await say(url, `message ${i}`);
    const events = async (query: string) =>
      z
        .strictObject(EventsPage.shape)
        .parse((await http.ask('GET', `${url}/events${query}`, { token })).body);
    const all = await events('');
    expect(all.events.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(all.events[0]?.event).toMatchObject({ type: 'ConversationCreated', title: 'Tea' });
    expect((await events('?after=3&limit=2')).events.map(({ seq }) => seq)).toEqual([4, 5]);
    expect(await events('?after=7')).toEqual({ events: [], lastSeq: 7 });
    expect(all.lastSeq).toBe(7);
  });

  it('gives its events in pages of a bounded size, without a hole where one can’t be read', async () => {
    const { url, conversationId } = await group();
    for (let i = 0; i < 20; i += 1) await say(url, String(i % 10).repeat(60_000));
    const nonsense = Array.from({ length: 70 }, () => ({ type: 'Nonsense', data: new Uint8Array(10_000) }));
    const end = { type: 'ConversationRenamed', by: ann.user.userId, at: 1, title: 'End' } as const;
    const more = [...nonsense, conversationCodec.encode(end)];
    await http.core.store.append(
      streamOf(conversationId),
      22,
      more.map((one) => ({ ...one, id: randomUUID(), meta: new Uint8Array() })),
    );
    const pages: number[][] = [];
    for (;;) {
      const after = pages.at(-1)?.at(-1);
      const from = after === undefined ? '' : `?after=${after}`;
      const { body } = await http.ask('GET', `${url}/events${from}`, { token });
      const { events, lastSeq } = EventsPage.parse(body);
      pages.push(events.map(({ seq }) => seq));
      if (events.length === 0 || events.at(-1)?.seq === lastSeq) break;
    }
    expect(pages.flat()).toEqual([...Array.from({ length: 23 }, (_, seq) => seq), 93]);
    expect(pages.map(({ length }) => length)).toEqual([21, 3]);
    expect((await http.ask('GET', `${url}/events?limit=201`, { token })).status).toBe(400);
  });

  it('is done once, however often it is asked for with one key', async () => {
    const body = { title: 'Once', members: [] };
    const make = (title = 'Once') =>
      http.ask('POST', '/v1/conversations', {
        token,
        body: { ...body, title },
        headers: { 'idempotency-key': 'key-1' },
      });
    const [first, second] = await Promise.all([make(), make()]);
    expect(second?.body).toEqual(first?.body);
    const other = await make('Twice');
    expect([other.status, other.body.code]).toEqual([409, 'client_id_reused']);
    const bad = await http.ask('POST', '/v1/conversations', {
      token,
      body,
      headers: { 'idempotency-key': 'a b' },
    });
    expect([bad.status, bad.body.code]).toEqual([400, 'invalid_request']);
  });
});

describe('somebody else’s conversation', () => {
  it('answers like one that does not exist, whatever is asked', async () => {
    const { url } = await group();
    await say(url, 'secret');
    const content = { content: { kind: 'text', text: 'hello' } };
    const requests = [
      ['GET', ''],
      ['GET', '/messages'],
      ['GET', '/messages/3'],
      ['GET', '/pins'],
      ['GET', '/members'],
      ['GET', '/events'],
      ['POST', '/messages', content],
      ['PATCH', '/messages/3', content],
      ['DELETE', '/messages/3'],
      ['PUT', '/messages/3/pin'],
      ['PUT', `/messages/3/reactions/${encodeURIComponent('👍')}`],
      ['PUT', '/title', { title: 'Mine' }],
      ['PUT', '/topic', { topic: 'Mine' }],
      ['POST', '/members', { userIds: [eve.user.userId] }],
      ['DELETE', `/members/${ann.user.userId}`],
      ['DELETE', `/members/${eve.user.userId}`],
      ['PUT', `/members/${eve.user.userId}/role`, { role: 'owner' }],
      ['PUT', `/bans/${ann.user.userId}`],
      ['DELETE', `/bans/${ann.user.userId}`],
    ] as const;
    for (const [method, path, body] of requests) {
      const asked = { token: eve.accessToken, ...(body && { body }) };
      const theirs = await http.ask(method, url + path, asked);
      const none = await http.ask(method, unknown + path, asked);
      expect([method, path, theirs.status, theirs.body.code]).toEqual([
        method,
        path,
        404,
        'conversation_not_found',
      ]);
      expect(none.body).toEqual(theirs.body);
    }
  });

  it('is what one’s own becomes after leaving, removal or a ban', async () => {
    const ways = [
      (url: string) => http.ask('DELETE', `${url}/members/${bob.user.userId}`, { token: bob.accessToken }),
      (url: string) => http.ask('DELETE', `${url}/members/${bob.user.userId}`, { token }),
      (url: string) => http.ask('PUT', `${url}/bans/${bob.user.userId}`, { token }),
    ];
    for (const way of ways) {
      const { url, conversationId } = await group();
      expect((await http.ask('GET', url, { token: bob.accessToken })).status).toBe(200);
      expect((await way(url)).status).toBe(200);
      expect((await http.ask('GET', url, { token: bob.accessToken })).body.code).toBe(
        'conversation_not_found',
      );
      const { body } = await http.ask('GET', '/v1/conversations', { token: bob.accessToken });
      expect(body.conversations.map((one: ConversationSummary) => one.conversationId)).not.toContain(
        conversationId,
      );
    }
  });
});

describe('atLeast', () => {
  it('waits no longer than it says, and tells nobody that a conversation exists', async () => {
    const { url } = await group();
    const settings = { ...http.deps.settings, waitMs: 100 };
    const app = createHttpServer({ ...http.deps, settings, registry: new Registry() });
    const ask = asking(app);
    const late = await ask('GET', `${url}?atLeast=99`, { token });
    expect([late.status, late.body.code, late.body.retry]).toEqual([503, 'view_behind', true]);
    expect(late.headers['retry-after']).toBe('1');
    for (const place of [
      `${url}?atLeast=0`,
      `${url}/messages?atLeast=0`,
      `${url}?atLeast=99`,
      `${unknown}?atLeast=0`,
    ]) {
      const began = performance.now();
      const { status, body } = await ask('GET', place, { token: eve.accessToken });
      expect([place, status, body.code]).toEqual([place, 404, 'conversation_not_found']);
      expect(performance.now() - began).toBeGreaterThan(90);
    }
    await app.close();
  });

  it('waits for what the view does not hold yet', async () => {
    const { url, conversationId } = await group();
    const waiting = http.ask('GET', `${url}/messages?atLeast=3`, { token });
    const by = bob.user.userId;
    await http.core.execute(
      { id: 'direct', by },
      { type: 'SendMessage', conversationId, content: { kind: 'text', text: 'here' }, mentions: [] },
    );
    const page = await waiting;
    expect(page.status).toBe(200);
    expect(page.body.lastSeq).toBe(3);
    expect(page.body.items.at(-1)).toMatchObject({ kind: 'message', seq: 3, by });
  });
});

describe('members over HTTP', () => {
  it('are a thousand at most', async () => {
    const crowd = Array.from({ length: 1000 }, (_, i) => ({
      userId: `01J0000000000000000000${String(i).padStart(4, '0')}`,
      username: `crowd-${i}`,
      displayName: `Crowd ${i}`,
      createdAt: 0,
    }));
    await http.core.directory.people.addMany(crowd);
    const members = crowd.map(({ userId }) => userId);
    const full = await http.ask('POST', '/v1/conversations', { token, body: { title: 'Full', members } });
    expect([full.status, full.body.code]).toEqual([409, 'too_many_members']);
    const { url } = await group('Crowd', members.slice(1));
    const more = await http.ask('POST', `${url}/members`, { token, body: { userIds: members.slice(0, 1) } });
    expect([more.status, more.body.code]).toEqual([409, 'too_many_members']);
    const { body } = await http.ask('GET', `${url}/members`, { token });
    expect(body.members).toHaveLength(1000);
    const beyond = await http.ask('POST', `${url}/members`, {
      token,
      body: { userIds: [...members, members[0]] },
    });
    expect([beyond.status, beyond.body.code]).toEqual([400, 'invalid_request']);
  });

  it('come, change their role, and go', async () => {
    const { url } = await group('Club', []);
    const roles = async () => {
      const { body } = await http.ask('GET', `${url}/members`, { token });
      return Object.fromEntries(
        body.members.map(({ userId, role }: { userId: string; role: string }) => [userId, role]),
      );
    };
    const [a, b, e] = [ann, bob, eve].map(({ user }) => user.userId) as [string, string, string];
    expect(
      (await http.ask('POST', `${url}/members`, { token, body: { userIds: [b, e], role: 'admin' } })).status,
    ).toBe(200);
    expect(await roles()).toEqual({ [a]: 'owner', [b]: 'admin', [e]: 'admin' });
    expect(
      (await http.ask('PUT', `${url}/members/${e}/role`, { token, body: { role: 'member' } })).status,
    ).toBe(200);
    expect(await roles()).toMatchObject({ [e]: 'member' });
    const refused = await http.ask('DELETE', `${url}/members/${a}`, { token: bob.accessToken });
    expect([refused.status, refused.body.code]).toEqual([403, 'not_allowed']);
    expect((await http.ask('PUT', `${url}/bans/${e}`, { token: bob.accessToken })).status).toBe(200);
    const again = await http.ask('POST', `${url}/members`, { token, body: { userIds: [e] } });
    expect([again.status, again.body.code]).toEqual([409, 'member_banned']);
    expect((await http.ask('DELETE', `${url}/bans/${e}`, { token })).status).toBe(200);
    expect((await http.ask('POST', `${url}/members`, { token, body: { userIds: [e] } })).status).toBe(200);
    expect((await http.ask('DELETE', `${url}/members/${e}`, { token })).status).toBe(200);
    expect((await http.ask('DELETE', `${url}/members/${b}`, { token: bob.accessToken })).status).toBe(200);
    expect(await roles()).toEqual({ [a]: 'owner' });
  });
});
