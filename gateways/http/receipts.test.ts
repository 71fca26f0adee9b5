import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Http, startHttp } from '../../infra/testing/http.ts';
import {
  ConversationDetail,
  ConversationSummary,
  MessageReceipts,
  Receipts,
  type Session,
} from '../protocol.ts';

let http: Http;
let [ann, bob, eve]: Session[] = [];
beforeAll(async () => {
  http = await startHttp();
  [ann, bob, eve] = [await http.signUp('ann'), await http.signUp('bob'), await http.signUp('eve')];
});
afterAll(() => http.close());

const idOf = (who: Session | undefined) => who?.user.userId ?? '';
const asks = async (who: Session | undefined, method: 'GET' | 'POST' | 'PUT', url: string, body?: unknown) =>
  http.ask(method, url, { token: who?.accessToken ?? '', ...(body !== undefined && { body }) });

/** A group of ann and bob; the seq of the first message will be 3. */
const group = async () => {
  const made = await asks(ann, 'POST', '/v1/conversations', { title: 'Tea', members: [idOf(bob)] });
  return `/v1/conversations/${made.body.conversationId}`;
};
const say = (who: Session | undefined, url: string, mentions: string[] = []) =>
  asks(who, 'POST', `${url}/messages`, { content: { kind: 'text', text: 'hello' }, mentions });
const mark = (who: Session | undefined, url: string, body: object) => asks(who, 'PUT', `${url}/mark`, body);
const receiptsOf = async (who: Session | undefined, url: string) =>
  z.strictObject(Receipts.shape).parse((await asks(who, 'GET', `${url}/receipts`)).body).marks;
const summaryOf = async (who: Session | undefined, url: string) => {
  const list = z
    .array(z.strictObject(ConversationSummary.shape))
    .parse((await asks(who, 'GET', '/v1/conversations')).body.conversations);
  return list.find(({ conversationId }) => url.endsWith(conversationId));
};

describe('marks over HTTP', () => {
  it('are seen by the next request, of whoever it is', async () => {
    const url = await group();
    await say(ann, url);
    expect(await receiptsOf(ann, url)).toEqual([]);
    expect(await mark(bob, url, { delivered: 3 })).toMatchObject({ status: 204, text: '' });
    expect(await receiptsOf(ann, url)).toEqual([{ userId: idOf(bob), delivered: 3 }]);
    expect((await mark(bob, url, { read: 3 })).status).toBe(204);
    expect((await mark(bob, url, { read: 3 })).status).toBe(204);
    expect(await receiptsOf(bob, url)).toEqual([{ userId: idOf(bob), delivered: 3, read: 3 }]);
  });

  it('are refused beyond the end, going back, empty, or strange, and to those who are no members', async () => {
    const url = await group();
    await say(ann, url);
    await mark(bob, url, { read: 3 });
    const refused = async (who: Session | undefined, body: object) => {
      const { status, body: answer } = await mark(who, url, body);
      return [status, answer.code];
    };
    expect(await refused(bob, { delivered: 4 })).toEqual([422, 'mark_beyond_end']);
    expect(await refused(bob, { read: 2 })).toEqual([409, 'mark_behind']);
    for (const body of [{}, { read: -1 }, { read: 1.5 }, { read: '1' }, { read: 1, userId: idOf(ann) }])
      expect(await refused(bob, body)).toEqual([400, 'invalid_request']);
    expect(await refused(eve, { read: 1 })).toEqual([404, 'conversation_not_found']);
    for (const path of ['receipts', 'messages/3/receipts'])
      expect((await asks(eve, 'GET', `${url}/${path}`)).body.code).toBe('conversation_not_found');
    expect(await receiptsOf(ann, url)).toEqual([{ userId: idOf(bob), delivered: 3, read: 3 }]);
  });

  it('of private reading are one’s own affair', async () => {
    const url = await group();
    await say(ann, url);
    await http.core.preferences.set(idOf(bob), { shareReadReceipts: false });
    await mark(bob, url, { read: 3 });
    await http.core.preferences.set(idOf(bob), { shareReadReceipts: true });
    expect(await receiptsOf(ann, url)).toEqual([{ userId: idOf(bob), delivered: 3 }]);
    expect(await summaryOf(bob, url)).toMatchObject({ read: 3, unread: 0 });
  });

  it('say who has a message and who has read it, of those who are there besides the sender', async () => {
    const url = await group();
    await asks(ann, 'POST', `${url}/members`, { userIds: [idOf(eve)] });
    await say(bob, url);
    await say(bob, url);
    const of = async (seq: number) => {
      const { body } = await asks(ann, 'GET', `${url}/messages/${seq}/receipts`);
      return z.strictObject(MessageReceipts.shape).parse(body);
    };
    expect(await of(4)).toEqual({ members: 2, delivered: [], read: [] });
    await mark(bob, url, { read: 5 });
    await mark(ann, url, { delivered: 5, read: 4 });
    await mark(eve, url, { delivered: 4 });
    expect(await of(4)).toEqual({ members: 2, delivered: [idOf(ann), idOf(eve)], read: [idOf(ann)] });
    expect(await of(5)).toEqual({ members: 2, delivered: [idOf(ann)], read: [] });
    const { conversationId } = z
      .looseObject({ conversationId: z.string() })
      .parse((await summaryOf(eve, url)) ?? {});
    await http.core.execute({ id: 'leave', by: idOf(eve) }, { type: 'LeaveConversation', conversationId });
    await say(ann, url);
    expect(await of(4)).toEqual({ members: 1, delivered: [idOf(ann)], read: [idOf(ann)] });
    for (const seq of [0, 99])
      expect((await asks(ann, 'GET', `${url}/messages/${seq}/receipts`)).body.code).toBe('message_not_found');
  });
});

describe('unread messages', () => {
  it('are counted in the list and in the conversation, for each person', async () => {
    const url = await group();
    await say(ann, url);
    await say(ann, url, [idOf(bob)]);
    expect(await summaryOf(bob, url)).toMatchObject({ unread: 2, mentions: 1 });
    expect(await summaryOf(bob, url)).not.toHaveProperty('read');
    expect(await summaryOf(ann, url)).toMatchObject({ unread: 0, mentions: 0 });
    await mark(bob, url, { read: 3 });
    const { body } = await asks(bob, 'GET', url);
    expect(z.strictObject(ConversationDetail.shape).parse(body)).toMatchObject({
      read: 3,
      unread: 1,
      mentions: 1,
    });
    await mark(bob, url, { read: 4 });
    expect(await summaryOf(bob, url)).toMatchObject({ read: 4, unread: 0, mentions: 0 });
  });
});
