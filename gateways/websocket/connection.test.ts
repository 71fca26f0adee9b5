import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Socket, openSocket, request, signUp } from '../../infra/testing/client.ts';
import { type Parlance, startParlance } from '../../infra/testing/start.ts';
import type { Command, ServerFrame, Session } from '../protocol.ts';

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

let count = 0;
const id = () => `c${(count += 1)}`;
const say = (conversationId: string, text: string): Command => ({
  type: 'SendMessage',
  conversationId,
  content: { kind: 'text', text },
  mentions: [],
});
const frame = <T extends ServerFrame['type']>(socket: Socket, type: T) =>
  socket.until(
    () => socket.frames.find((one): one is Extract<ServerFrame, { type: T }> => one.type === type),
    type,
  );
const arrive = async (session: Session, sync?: string, url = parlance.url) => {
  const socket = await openSocket(url);
  const welcome = await socket.hello(session.accessToken, sync);
  if (welcome.type !== 'welcome') throw new Error(JSON.stringify(welcome));
  return { socket, welcome };
};
const done = async (socket: Socket, command: Command) => {
  const ack = await socket.ask(id(), command);
  if (ack.type !== 'ack') throw new Error(ack.message);
  return ack;
};
const founded = async (socket: Socket, members: Session[]) => {
  const people = members.map(({ user }) => user.userId);
  return (await done(socket, { type: 'CreateGroup', title: 'Friends', members: people })).conversationId;
};
const error = async (socket: Socket, ask: unknown) => {
  const before = socket.frames.length;
  socket.socket.send(JSON.stringify(ask));
  return socket.until(() => socket.frames.slice(before).find(({ type }) => type === 'error'), 'error');
};

describe('a device that comes back', () => {
  it('is told what it missed, then that this was all, then what happens', async () => {
    const [{ socket: a }, { socket: b, welcome }] = [await arrive(ann), await arrive(ben)];
    expect(welcome).toMatchObject({ resumed: false });
    const group = await founded(a, [ben]);
    await b.event(group, 2);
    const last = b.frames.findLast((one) => one.type === 'events');
    await b.close();
    await done(a, say(group, 'one'));
    const { seq } = await done(a, { type: 'RenameConversation', conversationId: group, title: 'Foes' });
    const { socket: again, welcome: second } = await arrive(ben, last?.sync);
    expect(second).toMatchObject({ resumed: true, sync: last?.sync });
    const synced = await frame(again, 'synced');
    expect(again.events().map((one) => one.seq)).toEqual([3, seq]);
    expect(again.frames.map(({ type }) => type).slice(0, 3)).toEqual(['welcome', 'events', 'synced']);
    await done(a, say(group, 'live'));
    await again.event(group, seq + 1);
    await again.close();
    const { socket: third } = await arrive(ben, synced.sync);
    await frame(third, 'synced');
    expect(third.events().map((one) => one.seq)).toEqual([seq + 1]);
    await Promise.all([a.close(), third.close()]);
  });

  it('hears up to its leaving of what it was put out of, and nothing of what came then', async () => {
    const [{ socket: a }, { socket: c, welcome }] = [await arrive(ann), await arrive(cat)];
    const group = await founded(a, [cat]);
    await c.close();
    await done(a, say(group, 'within'));
    const { seq } = await done(a, { type: 'BanMember', conversationId: group, userId: cat.user.userId });
    await done(a, say(group, 'after'));
    await done(a, { type: 'UnbanMember', conversationId: group, userId: cat.user.userId });
    const { socket: again } = await arrive(cat, welcome.sync);
    const { sync } = await frame(again, 'synced');
    expect(again.events().map((one) => one.seq)).toEqual([0, 1, 2, 3, seq]);
    await again.close();
    await done(a, { type: 'BanMember', conversationId: group, userId: cat.user.userId });
    const { socket: third } = await arrive(cat, sync);
    await frame(third, 'synced');
    expect(third.events()).toEqual([]);
    await Promise.all([a.close(), third.close()]);
  });

  it('is told where to read on in what it is too far behind of', async () => {
    const [{ socket: a }, { socket: b, welcome }] = [await arrive(ann), await arrive(ben)];
    const group = await founded(a, [ben]);
    const other = await founded(a, [ben]);
    await b.close();
    let seq = 0;
    for (let n = 0; n < 3; n += 1) {
      const acks = await Promise.all(Array.from({ length: 200 }, () => done(a, say(group, 'x'))));
      seq = Math.max(...acks.map((ack) => ack.seq));
    }
    await done(a, say(other, 'little'));
    const { socket: again } = await arrive(ben, welcome.sync);
    const behind = await frame(again, 'behind');
    expect(behind.conversations).toEqual([{ conversationId: group, after: -1, lastSeq: seq }]);
    await frame(again, 'synced');
    expect(again.events().every((one) => one.conversationId === other)).toBe(true);
    expect(again.events().map((one) => one.seq)).toEqual([0, 1, 2, 3]);
    await Promise.all([a.close(), again.close()]);
  });

  it('learns why it can’t go on from a token, and reads the views', async () => {
    const invalid = await arrive(ann, 'forged');
    expect(invalid.welcome).toMatchObject({ resumed: false, cause: { code: 'sync_token_invalid' } });
    const beyond = Buffer.from('1abcdef01.0000000099999999').toString('base64url');
    const foreign = await arrive(ann, beyond);
    expect(foreign.welcome).toMatchObject({ resumed: false, cause: { code: 'sync_token_foreign' } });
    for (const { socket } of [invalid, foreign]) {
      socket.send({ type: 'ping' });
      expect((await frame(socket, 'pong')).sync).toBeTruthy();
      expect(socket.frames.map(({ type }) => type)).toEqual(['welcome', 'pong']);
      await socket.close();
    }
    expect(
      await error((await arrive(ann)).socket, { type: 'hello', version: 1, token: 'x', sync: '' }),
    ).toMatchObject({
      code: 'invalid_request',
    });
  });

  it('is not deceived by a log that was restored from an older copy and has grown again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'parlance-copy-'));
    const first = await startParlance();
    const dan = await signUp(first.url, 'dan');
    const { socket } = await arrive(dan, undefined, first.url);
    const group = await founded(socket, []);
    await socket.event(group, 1);
    await socket.close();
    await first.close({ keep: true });
    await cp(first.folder, folder, { recursive: true });
    const talk = async (at: string, text: string) => {
      const server = await startParlance({ DATA_DIR: at });
      const { socket: one, welcome } = await arrive(dan, undefined, server.url);
      await done(one, say(group, text));
      await one.event(group, 2);
      const token = one.frames.findLast((sent) => sent.type === 'events')?.sync;
      await one.close();
      await server.close({ keep: true });
      return { token, before: welcome.sync };
    };
    const { token, before } = await talk(first.folder, 'what was lost');
    await talk(folder, 'what came instead');
    const restored = await startParlance({ DATA_DIR: folder });
    const lost = await arrive(dan, token, restored.url);
    expect(lost.welcome).toMatchObject({ resumed: false, cause: { code: 'sync_token_foreign' } });
    const known = await arrive(dan, before, restored.url);
    expect(known.welcome).toMatchObject({ resumed: true });
    await frame(known.socket, 'synced');
    expect(known.socket.events()).toMatchObject([
      { seq: 2, event: { content: { text: 'what came instead' } } },
    ]);
    await Promise.all([lost.socket.close(), known.socket.close()]);
    await restored.close();
    await rm(first.folder, { recursive: true });
  });

  it('gets its drafts after the welcome', async () => {
    const [{ socket: a }, { socket: other }] = [await arrive(ann), await arrive(ann)];
    const group = await founded(a, []);
    await a.event(group, 1);
    a.send({ type: 'draft', conversationId: group, text: 'unfinis' });
    const told = await frame(other, 'draft');
    expect(told.draft).toMatchObject({ conversationId: group, text: 'unfinis' });
    const { socket: third, welcome } = await arrive(ann);
    expect((await frame(third, 'draft')).draft).toEqual(told.draft);
    const { socket: fourth } = await arrive(ann, welcome.sync);
    await frame(fourth, 'draft');
    expect(fourth.frames.map(({ type }) => type)).toEqual(['welcome', 'synced', 'draft']);
    expect((await frame(a, 'draft')).draft).toEqual(told.draft); // it was heard
    await Promise.all([a, other, third, fourth].map((socket) => socket.close()));
  });
});

describe('a connection', () => {
  it('that renews its token goes on where it is', async () => {
    const { socket } = await arrive(ann);
    expect(await socket.hello(ann.accessToken)).toMatchObject({ type: 'welcome', resumed: true });
    await frame(socket, 'synced');
    await socket.close();
  });

  it('of another version of the protocol is refused', async () => {
    const socket = await openSocket(parlance.url);
    const hello = { type: 'hello', version: 2, token: ann.accessToken };
    expect(await error(socket, hello)).toMatchObject({ code: 'version_unsupported', retry: false });
    expect(await socket.closed()).toMatchObject({ code: 4400 });
  });

  it('can’t speak, mark or draft in conversations of others, nor mark more than there is', async () => {
    const [{ socket: a }, { socket: c }] = [await arrive(ann), await arrive(cat)];
    const group = await founded(a, [ben]);
    await a.event(group, 2);
    for (const wish of [
      { type: 'typing', conversationId: group, on: true },
      { type: 'mark', conversationId: group, delivered: 0 },
      { type: 'draft', conversationId: group, text: 'x' },
    ])
      expect(await error(c, wish)).toMatchObject({ code: 'conversation_not_found' });
    expect(await error(a, { type: 'mark', conversationId: group, read: 3 })).toMatchObject({
      code: 'mark_beyond_end',
    });
    const other = { type: 'mark', conversationId: group, read: 1, userId: ben.user.userId };
    expect(await error(a, other)).toMatchObject({ code: 'invalid_request' });
    a.send({ type: 'mark', conversationId: group, read: 2 });
    expect(await frame(a, 'marked')).toMatchObject({ read: 2, delivered: 2 });
    expect(await error(a, { type: 'mark', conversationId: group, read: 1 })).toMatchObject({
      code: 'mark_behind',
    });
    await Promise.all([a.close(), c.close()]);
  });

  it('hears what others type and have read', async () => {
    const [{ socket: a }, { socket: b }] = [await arrive(ann), await arrive(ben)];
    const group = await founded(a, [ben]);
    await b.event(group, 2);
    b.send({ type: 'typing', conversationId: group, on: true });
    expect(await frame(a, 'typing')).toEqual({
      type: 'typing',
      conversationId: group,
      on: [ben.user.userId],
      off: [],
    });
    b.send({ type: 'mark', conversationId: group, read: 1 });
    expect((await frame(a, 'receipts')).marks).toEqual([{ userId: ben.user.userId, delivered: 1, read: 1 }]);
    await Promise.all([a.close(), b.close()]);
  });

  it('learns which limit it has reached, and when to go on', async () => {
    const strict = await startParlance({ LIMIT_DEVICE: 1 });
    const eve = await signUp(strict.url, 'eve');
    const { socket } = await arrive(eve, undefined, strict.url);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => socket.ask(id(), { type: 'StartDirect', with: ann.user.userId })),
    );
    expect(answers.at(-1)).toMatchObject({ code: 'rate_limited', retry: true, limit: 'device' });
    expect(answers.at(-1)).toHaveProperty('retryAfterMs', expect.any(Number));
    expect(
      answers.filter((answer) => answer.type === 'error' && answer.code === 'rate_limited'),
    ).toHaveLength(10);
    expect(await error(socket, { type: 'typing', conversationId: ann.user.userId, on: true })).toMatchObject({
      code: 'rate_limited',
    });
    await socket.close();
    await strict.close();
  });

  it('too many of one person are turned away', async () => {
    const small = await startParlance({ MAX_CONNECTIONS_PER_PERSON: 2 });
    const fay = await signUp(small.url, 'fay');
    const [one, two] = [await arrive(fay, undefined, small.url), await arrive(fay, undefined, small.url)];
    const third = await openSocket(small.url);
    expect(await third.hello(fay.accessToken)).toMatchObject({ type: 'error', code: 'too_many_connections' });
    expect(await third.closed()).toMatchObject({ code: 4430 });
    await one.socket.close();
    const fourth = await arrive(fay, undefined, small.url);
    await Promise.all([two.socket.close(), fourth.socket.close()]);
    await small.close();
  });

  it('that reads too slowly is told to resume and closed, and nobody else notices', async () => {
    const [{ socket: a }, { socket: slow, welcome }, { socket: fine }] = [
      await arrive(ann),
      await arrive(ben),
      await arrive(ben),
    ];
    const group = await founded(a, [ben]);
    slow.socket.pause();
    const text = 'x'.repeat(60_000);
    const acks: number[] = [];
    for (let n = 0; n < 10; n += 1)
      acks.push(
        ...(await Promise.all(Array.from({ length: 16 }, () => done(a, say(group, text))))).map(
          (ack) => ack.seq,
        ),
      );
    const last = Math.max(...acks);
    await fine.event(group, last);
    slow.socket.resume();
    expect(await slow.closed()).toMatchObject({ code: 4429 });
    expect(slow.frames.at(-1)).toMatchObject({ type: 'bye', reason: 'too slow: resume' });
    const heard = slow.events().map((one) => one.seq);
    expect(heard.length).toBeLessThan(acks.length);
    const sync = slow.frames.findLast((one) => one.type === 'events' && one.sync) ?? welcome;
    const { socket: again } = await arrive(ben, 'sync' in sync ? sync.sync : undefined);
    await frame(again, 'synced');
    const named = again.frames.flatMap((one) => (one.type === 'behind' ? one.conversations : []));
    const rest = again.events().map((one) => one.seq);
    const covered = (seq: number) =>
      heard.includes(seq) ||
      rest.includes(seq) ||
      named.some(({ after, lastSeq }) => after < seq && seq <= lastSeq);
    expect(acks.filter((seq) => !covered(seq))).toEqual([]);
    await Promise.all([a.close(), fine.close(), again.close()]);
    const { body } = await request<{ lastSeq: number }>(parlance.url, `/v1/conversations/${group}`, {
      token: ben.accessToken,
    });
    expect(body.lastSeq).toBe(last);
  });
});
