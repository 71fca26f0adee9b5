import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Socket, openSocket, request, signUp } from '../../infra/testing/client.ts';
import { type Parlance, startParlance } from '../../infra/testing/start.ts';
import type { Command, Session } from '../protocol.ts';
import { requestLimits } from './requests.ts';

let parlance: Parlance;
let ann: Session;
let ben: Session;
let cat: Session;

beforeAll(async () => {
  parlance = await startParlance();
  ann = await signUp(parlance.url, 'ann');
  ben = await signUp(parlance.url, 'ben');
  cat = await signUp(parlance.url, 'cat');
});
afterAll(() => parlance.close());

const arrive = async (session: Session): Promise<Socket> => {
  const socket = await openSocket(parlance.url);
  expect(await socket.hello(session.accessToken)).toMatchObject({
    type: 'welcome',
    userId: session.user.userId,
  });
  return socket;
};
const text = (line: string) => ({ kind: 'text', text: line }) as const;
const say = (conversationId: string, line: string): Command => ({
  type: 'SendMessage',
  conversationId,
  content: text(line),
  mentions: [],
});
let count = 0;
const id = () => `t${(count += 1)}`;
const founded = async (socket: Socket, members: Session[]) => {
  const ack = await socket.ask(id(), {
    type: 'CreateGroup',
    title: 'Friends',
    members: members.map(({ user }) => user.userId),
  });
  if (ack.type !== 'ack') throw new Error(ack.code);
  return ack.conversationId;
};

describe('a socket', () => {
  it('carries what one person says to the other, acknowledged with the same number', async () => {
    const [a, b] = [await arrive(ann), await arrive(ben)];
    const started = await a.ask(id(), { type: 'StartDirect', with: ben.user.userId });
    if (started.type !== 'ack') throw new Error(started.code);
    const ack = await a.ask(id(), say(started.conversationId, 'hello'));
    expect(ack).toMatchObject({ type: 'ack', seq: 3 });
    for (const socket of [a, b]) {
      expect(await socket.event(started.conversationId, 3)).toMatchObject({
        event: { type: 'MessageSent', by: ann.user.userId, content: text('hello') },
      });
      expect(socket.events().map(({ seq }) => seq)).toEqual([0, 1, 2, 3]);
    }
    await Promise.all([a.close(), b.close()]);
  });

  it('acknowledges a repeat like the first, and delivers it once', async () => {
    const a = await arrive(ann);
    const group = await founded(a, [ben]);
    const again = id();
    const first = await a.ask(again, say(group, 'once'));
    expect(await a.ask(again, say(group, 'once'))).toEqual(first);
    expect(await a.ask(again, say(group, 'twice'))).toMatchObject({
      type: 'error',
      code: 'client_id_reused',
      retry: false,
    });
    const last = await a.ask(id(), say(group, 'end'));
    if (last.type !== 'ack') throw new Error(last.code);
    await a.event(group, last.seq);
    expect(a.events().filter(({ event }) => event.type === 'MessageSent')).toHaveLength(2);
    await a.close();
  });

  it('keeps the order of a burst', async () => {
    const [a, b] = [await arrive(ann), await arrive(ben)];
    const group = await founded(a, [ben]);
    const lines = Array.from({ length: 200 }, (_, n) => `line ${n}`);
    const acks = await Promise.all(lines.map((line) => a.ask(id(), say(group, line))));
    const seqs = acks.map((ack) => (ack.type === 'ack' ? ack.seq : -1));
    expect(seqs).toEqual(lines.map((_, n) => (seqs[0] ?? 0) + n));
    await b.event(group, seqs.at(-1) ?? 0);
    const heard = b
      .events()
      .flatMap(({ event }) =>
        event.type === 'MessageSent' && event.content.text.startsWith('line') ? [event.content.text] : [],
      );
    expect(heard).toEqual(lines);
    await Promise.all([a.close(), b.close()]);
  });

  it('gets what follows after its person was added, and nothing after they were removed', async () => {
    const [a, c] = [await arrive(ann), await arrive(cat)];
    const group = await founded(a, [ben]);
    await a.ask(id(), say(group, 'before'));
    await a.ask(id(), { type: 'AddMembers', conversationId: group, userIds: [cat.user.userId] });
    await a.ask(id(), say(group, 'within'));
    const removed = await a.ask(id(), {
      type: 'RemoveMember',
      conversationId: group,
      userId: cat.user.userId,
    });
    await a.ask(id(), say(group, 'after'));
    if (removed.type !== 'ack') throw new Error(removed.code);
    await c.event(group, removed.seq);
    // A direct conversation afterwards is the barrier: nothing of the group comes before it.
    const direct = await a.ask(id(), { type: 'StartDirect', with: cat.user.userId });
    if (direct.type !== 'ack') throw new Error(direct.code);
    await c.event(direct.conversationId, 0);
    const heard = c.events().filter(({ conversationId }) => conversationId === group);
    const since = heard.findIndex(
      ({ event }) => event.type === 'MemberJoined' && event.userId === cat.user.userId,
    );
    expect(heard.slice(since).map(({ event }) => event.type)).toEqual([
      'MemberJoined',
      'MessageSent',
      'MemberRemoved',
    ]);
    expect(await c.ask(id(), say(group, 'still here'))).toMatchObject({
      type: 'error',
      code: 'conversation_not_found',
    });
    await Promise.all([a.close(), c.close()]);
  });

  it('gets nothing of other people’s conversations, and can do nothing there', async () => {
    const [a, c] = [await arrive(ann), await arrive(cat)];
    const group = await founded(a, [ben]);
    await a.ask(id(), say(group, 'private'));
    const commands: Command[] = [
      say(group, 'hi'),
      { type: 'LeaveConversation', conversationId: group },
      { type: 'PinMessage', conversationId: group, seq: 3 },
      { type: 'AddMembers', conversationId: group, userIds: [cat.user.userId] },
    ];
    for (const command of commands) {
      expect(await c.ask(id(), command)).toMatchObject({ type: 'error', code: 'conversation_not_found' });
    }
    expect(c.events()).toEqual([]);
    await Promise.all([a.close(), c.close()]);
  });

  it('is closed when its device is signed out', async () => {
    const session = await signUp(parlance.url, 'dan');
    const socket = await arrive(session);
    await request(parlance.url, '/v1/sessions/current', { method: 'DELETE', token: session.accessToken });
    expect(await socket.closed()).toMatchObject({ code: 4401 });
    const next = await openSocket(parlance.url);
    expect(await next.hello(session.accessToken)).toMatchObject({ type: 'error', code: 'session_revoked' });
    expect(await next.closed()).toMatchObject({ code: 4401 });
  });

  it('does nothing more for a device that was signed out and goes on talking', async () => {
    const session = await signUp(parlance.url, 'eve');
    const [a, stubborn] = [await arrive(ann), await arrive(session)];
    const group = await founded(a, [session]);
    const open = async () =>
      (await parlance.core.metrics.registry.getSingleMetric('parlance_connections')?.get())?.values[0]?.value;
    const before = (await open()) ?? 0;
    // A client that never reads, and so never answers a close: the server has to end it.
    stubborn.socket.pause();
    await request(parlance.url, '/v1/sessions/current', { method: 'DELETE', token: session.accessToken });
    stubborn.send({ type: 'command', id: 'late', command: say(group, 'too late') });
    await vi.waitFor(async () => expect(await open()).toBe(before - 1), 10_000);
    stubborn.socket.terminate();
    const { body } = await request<{ lastSeq: number }>(parlance.url, `/v1/conversations/${group}`, {
      token: ann.accessToken,
    });
    expect(body.lastSeq).toBe(2);
    await a.close();
  });

  it('greets again with a fresh token, of the same person only', async () => {
    const a = await arrive(ann);
    expect(await a.hello(ann.accessToken)).toMatchObject({ type: 'welcome' });
    a.send({ type: 'hello', version: 1, token: ben.accessToken });
    expect(await a.closed()).toMatchObject({ code: 4401 });
  });
});

describe('bad input', () => {
  it.each([
    ['no JSON', 'hello'],
    ['no object', '[]'],
    ['an unknown type', '{"type":"shout"}'],
    ['no token', '{"type":"hello","version":1}'],
    [
      'a command without a conversation',
      '{"type":"command","id":"x","command":{"type":"LeaveConversation"}}',
    ],
    [
      'a hostile conversation',
      '{"type":"command","id":"x","command":{"type":"LeaveConversation","conversationId":"\' OR 1=1"}}',
    ],
    ['a prototype', '{"type":"command","id":"x","command":{"type":"__proto__"},"__proto__":{"x":1}}'],
    [
      'a blank text',
      '{"type":"command","id":"x","command":{"type":"SendMessage","conversationId":"01HZ0000000000000000000001","content":{"kind":"text","text":" "}}}',
    ],
    [
      'an id with blanks',
      '{"type":"command","id":"x y","command":{"type":"StartDirect","with":"01HZ0000000000000000000001"}}',
    ],
    [
      'a negative seq',
      '{"type":"command","id":"x","command":{"type":"PinMessage","conversationId":"01HZ0000000000000000000001","seq":-1}}',
    ],
    [
      'a fraction of a seq',
      '{"type":"command","id":"x","command":{"type":"PinMessage","conversationId":"01HZ0000000000000000000001","seq":1.5}}',
    ],
  ])('such as %s is answered with a code, and the socket goes on', async (_, frame) => {
    const a = await arrive(ann);
    const before = a.frames.length;
    a.socket.send(frame);
    expect(
      await a.until(() => a.frames.slice(before).find(({ type }) => type === 'error'), 'error'),
    ).toMatchObject({ code: 'invalid_request', retry: false });
    a.send({ type: 'ping' });
    await a.until(() => a.frames.find(({ type }) => type === 'pong'), 'pong');
    await a.close();
  });

  it('such as a binary frame is answered with a code', async () => {
    const a = await arrive(ann);
    a.socket.send(Buffer.from('{"type":"ping"}'));
    const answer = await a.until(() => a.frames.find(({ type }) => type === 'error'), 'error');
    expect(answer).toMatchObject({
      code: 'invalid_request',
      message: 'a frame is one object of the subprotocol',
    });
    await a.close();
  });

  it('such as a frame that is too large ends the socket with 1009', async () => {
    const a = await arrive(ann);
    a.socket.send(`{"type":"ping","x":"${'x'.repeat(200_000)}"}`);
    expect(await a.closed()).toMatchObject({ code: 1009 });
  });

  it('such as a text beyond its limit, or one that is too large when escaped, is refused and loses nothing', async () => {
    const a = await arrive(ann);
    const group = await founded(a, []);
    expect(await a.ask(id(), say(group, 'x'.repeat(65_537)))).toMatchObject({
      type: 'error',
      code: 'invalid_request',
    });
    // Each of these takes six bytes in JSON, so that the frame itself is over its limit: the REST gateway takes it further.
    const escaped = await request(parlance.url, `/v1/conversations/${group}/messages`, {
      method: 'POST',
      token: ann.accessToken,
      body: { content: text('\u0001'.repeat(65_536)) },
    });
    expect(escaped).toMatchObject({ status: 413 });
    expect(await a.ask(id(), say(group, 'still there'))).toMatchObject({ type: 'ack' });
    await a.close();
  });

  it('such as a command before hello is refused', async () => {
    const socket = await openSocket(parlance.url);
    expect(await socket.ask('x', { type: 'StartDirect', with: ben.user.userId })).toMatchObject({
      type: 'error',
      code: 'unauthorized',
    });
    await socket.close();
  });

  it.each(['', 'x', 'a.b.c', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiIwMUhaIn0.'])(
    'such as the token %j is refused and ends the socket',
    async (token) => {
      const socket = await openSocket(parlance.url);
      expect(await socket.hello(token)).toMatchObject({ type: 'error', code: 'invalid_token' });
      expect(await socket.closed()).toMatchObject({ code: 4401 });
    },
  );

  it('such as too many commands at once is refused, and those that were accepted are answered', async () => {
    const a = await arrive(ann);
    const group = await founded(a, []);
    const answers = await Promise.all(
      Array.from({ length: 3 * requestLimits.commands }, () => a.ask(id(), say(group, 'x'))),
    );
    const refused = answers.filter((answer) => answer.type === 'error');
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.every((answer) => answer.code === 'overloaded' && answer.retry)).toBe(true);
    const accepted = answers.flatMap((answer) => (answer.type === 'ack' ? [answer.seq] : []));
    expect(accepted.length).toBeGreaterThanOrEqual(requestLimits.commands);
    expect(new Set(accepted).size).toBe(accepted.length);
    await a.close();
  });

  it('such as a page of another site is refused', async () => {
    await expect(openSocket(parlance.url, { origin: 'https://evil.example' })).rejects.toThrow('403');
  });
});

/** Bytes that no client library would send, on a connection that ends as `end` says. */
const raw = (lines: readonly string[], end: 'wait' | 'reset') =>
  new Promise<string>((resolve) => {
    const { hostname, port } = new URL(parlance.url);
    let answer = '';
    const socket = connect(Number(port), hostname, () => {
      socket.write(`${lines.join('\r\n')}\r\n\r\n`);
      if (end === 'reset') socket.resetAndDestroy();
    });
    socket.on('data', (data) => (answer += data.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
  });
const upgrade = ['Host: x', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];

describe('the server', () => {
  it.each(['//', '///', '/\\', '/ws/../', 'http://[', '/nope', '*'])(
    'outlives an upgrade of %s',
    async (path) => {
      expect(await raw([`GET ${path} HTTP/1.1`, ...upgrade], 'wait')).toMatch(/^HTTP\/1\.1 40[04]/);
      for (let n = 0; n < 10; n += 1) await raw([`GET ${path} HTTP/1.1`, ...upgrade], 'reset');
      expect(await request(parlance.url, '/health/live')).toMatchObject({ status: 200 });
    },
  );

  it('outlives an upgrade without a key, and one that is reset at once', async () => {
    expect(await raw(['GET /ws HTTP/1.1', ...upgrade], 'wait')).toMatch(/^HTTP\/1\.1 400/);
    for (let n = 0; n < 10; n += 1)
      await raw(['GET /ws HTTP/1.1', ...upgrade, 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='], 'reset');
    expect(await request(parlance.url, '/health/live')).toMatchObject({ status: 200 });
  });

  it('takes pages of its own public address', async () => {
    const proxied = await startParlance({ PUBLIC_URL: 'https://chat.example' });
    const local = `http://127.0.0.1:${proxied.port}`;
    const socket = await openSocket(local, { origin: 'https://chat.example' });
    await socket.close();
    await expect(openSocket(local, { origin: 'https://evil.example' })).rejects.toThrow('403');
    await proxied.close();
  });

  it('says when it can’t go on', async () => {
    const broken = await startParlance();
    await broken.core.store[Symbol.asyncDispose]();
    expect(await broken.failed).toBeInstanceOf(Error);
    await broken.close();
  });

  it('takes so many connections and no more, and says when to come back when it stops', async () => {
    const small = await startParlance({ MAX_CONNECTIONS: 1 });
    const socket = await openSocket(small.url);
    await expect(openSocket(small.url)).rejects.toThrow('503');
    const closing = small.close();
    expect(
      await socket.until(() => socket.frames.find((frame) => frame.type === 'bye'), 'bye'),
    ).toMatchObject({ comeBackInMs: expect.any(Number) });
    expect(await socket.closed()).toMatchObject({ code: 1012 });
    await closing;
  });
});
