import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSocket, request, signUp } from '../../infra/testing/client.ts';
import { openPoll } from '../../infra/testing/poll.ts';
import { type Parlance, startParlance } from '../../infra/testing/start.ts';
import type { Command, ErrorBody, ServerFrame, Session } from '../protocol.ts';
import { connectionLimits } from '../websocket/connection.ts';

let parlance: Parlance;
let ann: Session;
let ben: Session;
beforeAll(async () => {
  parlance = await startParlance({ LIMIT_PERSON: 0, LIMIT_DEVICE: 0 });
  ann = await signUp(parlance.url, 'ann');
  ben = await signUp(parlance.url, 'ben');
});
afterAll(() => parlance.close());

const arrive = async (session: Session) => {
  const poll = await openPoll(parlance.url);
  expect(await poll.hello(session.accessToken)).toMatchObject({ type: 'welcome' });
  return poll;
};
const say = (conversationId: string, text: string): Command => ({
  type: 'SendMessage',
  conversationId,
  content: { kind: 'text', text },
  mentions: [],
});
const command = (id: string, wish: Command) => ({ type: 'command', id, command: wish });
const ackOf = (frames: readonly ServerFrame[], id: string) =>
  frames.find((frame) => frame.type === 'ack' && frame.id === id) as
    | Extract<ServerFrame, { type: 'ack' }>
    | undefined;
const textsIn = (frames: readonly ServerFrame[]) =>
  frames.flatMap((frame) =>
    frame.type === 'events'
      ? frame.events.flatMap(({ event }) => (event.type === 'MessageSent' ? [event.content.text] : []))
      : [],
  );
const pongs = (frames: readonly ServerFrame[]) => frames.filter(({ type }) => type === 'pong').length;

describe('polling', () => {
  it('carries the frames of a socket, in both directions', async () => {
    const [a, b] = [await arrive(ann), await openSocket(parlance.url)];
    await b.hello(ben.accessToken);
    await a.say(command('start', { type: 'StartDirect', with: ben.user.userId }));
    const { conversationId } = await a.until(() => ackOf(a.frames, 'start'));
    await a.say(command('1', say(conversationId, 'one')), command('2', say(conversationId, 'two')));
    const { seq } = await a.until(() => ackOf(a.frames, '2'));
    await b.event(conversationId, seq);
    await b.ask('3', say(conversationId, 'three'));
    await a.until(() => (textsIn(a.frames).includes('three') ? true : undefined));
    expect(textsIn(a.frames)).toEqual(['one', 'two', 'three']);
    expect(textsIn(b.frames)).toEqual(['one', 'two', 'three']);
    await b.close();
    await a.leave();
  });

  it('gives an answer that was lost again, and never after it was confirmed', async () => {
    const a = await arrive(ann);
    const lost = await a.raw({ after: a.after(), frames: [{ type: 'ping' }] });
    expect(pongs(lost.body.frames)).toBe(1);
    const again = await a.raw({ after: a.after() });
    expect(again.body).toEqual(lost.body);
    const next = await a.raw({ after: lost.body.n, frames: [{ type: 'ping' }] });
    expect(next.body).toMatchObject({ n: lost.body.n + 1, frames: [{ type: 'pong' }] });
    expect(await a.raw({ after: 1_000 })).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    await a.leave();
  });

  it('takes frames that are sent again once, and those after them', async () => {
    const a = await arrive(ann);
    const ping = { type: 'ping' };
    const first = 1; // after the hello
    const lost = await a.raw({ after: a.after(), first, frames: [ping, ping] });
    expect(pongs(lost.body.frames)).toBe(2);
    expect((await a.raw({ after: a.after(), first, frames: [ping, ping, ping] })).body).toEqual(lost.body);
    const next = await a.raw({ after: lost.body.n, first, frames: [ping, ping, ping] });
    expect(pongs(next.body.frames)).toBe(1);
    const gap = await a.raw({ after: next.body.n, first: 9, frames: [ping] });
    expect([gap.status, gap.body.code]).toEqual([400, 'invalid_request']);
    await a.leave();
  });

  it('ends a request with nothing when a newer one comes, which is answered', async () => {
    const a = await arrive(ann);
    const after = a.after();
    const older = a.raw({ after });
    const newer = a.raw({ after, frames: [] });
    const answered = await Promise.race([older.then(() => 'older'), newer.then(() => 'newer')]);
    const last = a.raw({ after, frames: [{ type: 'ping' }] });
    for (const one of [older, newer])
      expect(await one).toMatchObject({ status: 200, body: { n: after, frames: [] } });
    expect((await last).body).toMatchObject({ n: after + 1, frames: [{ type: 'pong' }] });
    expect(answered).toBe('older');
    await a.leave();
  });

  it('takes what is in a request that a newer one has overtaken, and leaves the newer one waiting', async () => {
    const a = await arrive(ann);
    const before = a.after();
    const { n } = await a.say({ type: 'ping' });
    expect(n).toBe(before + 1);
    const asked = [a.raw({ after: n }), a.raw({ after: n })];
    await Promise.race(asked);
    const late = await a.raw({ after: before, frames: [{ type: 'ping' }] });
    expect(late).toMatchObject({ status: 200, body: { n, frames: [] } });
    const answers = (await Promise.all(asked)).map(({ body }) => body);
    expect(answers).toContainEqual({ n: n + 1, frames: [expect.objectContaining({ type: 'pong' })] });
    await a.leave();
  });

  it('is over for whoever has left, and was never there for others', async () => {
    const a = await arrive(ann);
    // One of them ends the other, and waits.
    const asked = [a.raw({ after: a.after() }), a.raw({ after: a.after() })];
    await Promise.race(asked);
    expect(await a.leave()).toMatchObject({ status: 204 });
    const closed = (await Promise.all(asked)).map(({ body }) => body.closed);
    expect(closed).toEqual(expect.arrayContaining([undefined, { code: 1006, reason: '' }]));
    expect(await a.leave()).toMatchObject({ status: 410, body: { code: 'poll_not_found', retry: false } });
    for (const id of [a.pollId, 'x', `${a.pollId.slice(0, -1)}_`]) {
      const answer = await request<ErrorBody>(parlance.url, `/v1/polls/${id}`, {
        method: 'POST',
        body: { after: 0 },
      });
      expect(answer).toMatchObject({ status: 410, body: { code: 'poll_not_found' } });
    }
  });

  it('says what is wrong with a frame, and goes on', async () => {
    const a = await arrive(ann);
    const wrong = ['hello', null, [], { type: 'shout' }, { type: 'command', id: 'x' }];
    await a.say(...(wrong as object[]), { type: 'ping' });
    await a.until(() => (pongs(a.frames) === 1 ? true : undefined));
    const errors = a.frames.filter((frame) => frame.type === 'error');
    expect(errors.map(({ code }) => code)).toEqual(wrong.map(() => 'invalid_request'));
    await a.leave();
  });

  it.each([
    ['no after', '{"frames":[]}', 400],
    ['an after before the first', '{"after":-1}', 400],
    ['no list of frames', '{"after":0,"frames":{}}', 400],
    ['a poisoned prototype', '{"after":0,"frames":[{"__proto__":{"x":1}}]}', 400],
    ['too many frames', JSON.stringify({ after: 0, frames: Array(257).fill(1) }), 400],
    ['too many bytes', JSON.stringify({ after: 0, frames: ['x'.repeat(300_000)] }), 413],
  ])('refuses a request of %s', async (_, body, status) => {
    const a = await openPoll(parlance.url);
    expect(
      await request<ErrorBody>(parlance.url, `/v1/polls/${a.pollId}`, { method: 'POST', body }),
    ).toMatchObject({ status, body: { code: status === 413 ? 'payload_too_large' : 'invalid_request' } });
    await a.leave();
  });

  it('ends with the reason when the token is refused, or the device is signed out', async () => {
    const forged = await openPoll(parlance.url);
    expect(await forged.hello('a.b.c')).toMatchObject({ type: 'error', code: 'invalid_token' });
    expect(await forged.closed()).toMatchObject({ code: 4401 });
    await expect(forged.say()).rejects.toThrow('410');
    const session = await signUp(parlance.url, 'dan');
    const a = await arrive(session);
    await request(parlance.url, '/v1/sessions/current', { method: 'DELETE', token: session.accessToken });
    expect(await a.closed()).toMatchObject({ code: 4401 });
  });

  it('is not for pages of other sites', async () => {
    const headers = { origin: 'https://evil.example' };
    const answer = await request<ErrorBody>(parlance.url, '/v1/polls', { method: 'POST', headers });
    expect(answer).toMatchObject({ status: 403, body: { code: 'foreign_origin' } });
    const own = { origin: parlance.url };
    expect(await request(parlance.url, '/v1/polls', { method: 'POST', headers: own })).toMatchObject({
      status: 201,
    });
  });

  it('ends whoever does not fetch what is there', async () => {
    const a = await arrive(ann);
    const b = await openSocket(parlance.url);
    await b.hello(ben.accessToken);
    const started = await b.ask('start', { type: 'StartDirect', with: ann.user.userId });
    if (started.type !== 'ack') throw new Error(started.code);
    const { conversationId } = started;
    const large = 'x'.repeat(60_000);
    for (let bytes = 0; bytes < connectionLimits.unreadBytes + 2 * large.length; bytes += large.length)
      expect(await b.ask(`large${bytes}`, say(conversationId, large))).toMatchObject({ type: 'ack' });
    // What it does not have is in the log: it resumes.
    expect(await a.closed()).toMatchObject({ code: 4429 });
    expect(a.frames.at(-1)).toMatchObject({ type: 'bye' });
    await b.close();
  });
});

describe('a small server', () => {
  it('has so many connections of an address and no more', async () => {
    const small = await startParlance({ MAX_CONNECTIONS: 3, MAX_CONNECTIONS_PER_ADDRESS: 2 });
    const [poll, socket] = [await openPoll(small.url), await openSocket(small.url)];
    const refused = await request<ErrorBody>(small.url, '/v1/polls', { method: 'POST' });
    expect(refused).toMatchObject({ status: 429, body: { code: 'too_many_connections', retry: true } });
    expect(refused.headers.get('retry-after')).toBe('5');
    await expect(openSocket(small.url)).rejects.toThrow('429');
    await poll.leave();
    const again = await openPoll(small.url);
    await Promise.all([again.leave(), socket.close()]);
    await small.close();
  });

  it('counts the addresses that proxies say', async () => {
    const small = await startParlance({
      MAX_CONNECTIONS: 3,
      MAX_CONNECTIONS_PER_ADDRESS: 1,
      TRUST_PROXIES: 1,
    });
    const poll = (from: string) =>
      request(small.url, '/v1/polls', { method: 'POST', headers: { 'x-forwarded-for': from } });
    expect(await poll('1.1.1.1')).toMatchObject({ status: 201 });
    expect(await poll('9.9.9.9, 1.1.1.1')).toMatchObject({ status: 429 });
    const socket = await openSocket(small.url, { 'x-forwarded-for': '1.1.1.2' });
    await expect(openSocket(small.url, { 'x-forwarded-for': '1.1.1.1' })).rejects.toThrow('429');
    expect(await poll('1.1.1.3')).toMatchObject({ status: 201 });
    expect(await poll('1.1.1.4')).toMatchObject({ status: 503 });
    await socket.close();
    await small.close();
  });

  it('says when to come back when it stops', async () => {
    const small = await startParlance();
    const session = await signUp(small.url, 'eve');
    const poll = await openPoll(small.url);
    await poll.hello(session.accessToken);
    const waiting = poll.raw({ after: poll.after() });
    const closing = small.close();
    expect((await waiting).body).toMatchObject({
      frames: [{ type: 'bye', comeBackInMs: expect.any(Number) }],
      closed: { code: 1012 },
    });
    await closing;
  });
});
