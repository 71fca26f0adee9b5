import { describe, expect, it } from 'vitest';
import { type Socket, openSocket, signUp } from '../../infra/testing/client.ts';
import { type Parlance, startParlance } from '../../infra/testing/start.ts';
import type { Command, Session } from '../protocol.ts';
import { connectionLimits } from './connection.ts';

const arrive = async ({ url }: Parlance, session: Session, options = {}): Promise<Socket> => {
  const socket = await openSocket(url, {}, options);
  expect(await socket.hello(session.accessToken)).toMatchObject({ type: 'welcome' });
  return socket;
};
const say = (conversationId: string, text: string): Command => ({
  type: 'SendMessage',
  conversationId,
  content: { kind: 'text', text },
  mentions: [],
});
const founded = async (socket: Socket, members: Session[]) => {
  const userIds = members.map(({ user }) => user.userId);
  const ack = await socket.ask('found', { type: 'CreateGroup', title: 'Friends', members: userIds });
  if (ack.type !== 'ack') throw new Error(ack.code);
  return ack.conversationId;
};
const metric = async ({ url }: Parlance, line: string) => {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((one) => one.startsWith(`${line} `))
      ?.split(' ')[1] ?? 0,
  );
};

describe('sockets of all kinds', () => {
  it('get the same: JSON, compressed JSON and MessagePack', async () => {
    const parlance = await startParlance({ COMPRESSION: 'on' });
    const ann = await signUp(parlance.url, 'ann');
    const kinds = [{}, { compress: true }, { msgpack: true }];
    const sockets = await Promise.all(kinds.map((kind) => arrive(parlance, ann, kind)));
    const [first] = sockets as [Socket, ...Socket[]];
    expect(sockets.map(({ socket }) => socket.extensions)).toEqual(['', 'permessage-deflate', '']);
    const group = await founded(first, []);
    for (const [n, socket] of sockets.entries()) {
      const ack = await socket.ask(`k${n}`, say(group, `${n} ${'größer '.repeat(1_000)}`));
      if (ack.type !== 'ack') throw new Error(ack.code);
      for (const one of sockets) await one.event(group, ack.seq);
    }
    for (const one of sockets) {
      expect(one.events()).toEqual(first.events());
      await one.close();
    }
    await parlance.close();
  });
});

describe('too many', () => {
  it('connections of a person are refused with a code, and others are not', async () => {
    const parlance = await startParlance({ MAX_CONNECTIONS_PER_PERSON: 3 });
    const [ann, ben] = [await signUp(parlance.url, 'ann'), await signUp(parlance.url, 'ben')];
    const sockets = await Promise.all(Array.from({ length: 8 }, () => openSocket(parlance.url)));
    const answers = await Promise.all(sockets.map((socket) => socket.hello(ann.accessToken)));
    expect(answers.filter(({ type }) => type === 'welcome')).toHaveLength(3);
    for (const [n, answer] of answers.entries()) {
      if (answer.type === 'welcome') continue;
      expect(answer).toMatchObject({ code: 'too_many_connections', retry: true });
      expect(await sockets[n]?.closed()).toMatchObject({ code: 4430 });
    }
    const other = await arrive(parlance, ben);
    await other.close();
    const open = sockets.filter((_, n) => answers[n]?.type === 'welcome');
    await Promise.all(open.map((socket) => socket.close()));
    const again = await arrive(parlance, ann);
    await again.close();
    await parlance.close();
  });

  it('unread bytes end the reader, who is told to resume, and nobody else', async () => {
    const parlance = await startParlance();
    const [ann, ben] = [await signUp(parlance.url, 'ann'), await signUp(parlance.url, 'ben')];
    const [a, slow, quick] = [
      await arrive(parlance, ann),
      await arrive(parlance, ben),
      await arrive(parlance, ben),
    ];
    const group = await founded(a, [ben]);
    slow.socket.pause();
    const large = 'x'.repeat(60_000);
    const ended = () => metric(parlance, 'parlance_connections_ended_total{why="slow"}');
    // The kernel takes some megabytes too before a reader is behind.
    let sent = 0;
    for (; (await ended()) === 0 && sent < 1_000; sent += 20) {
      const ids = Array.from({ length: 20 }, (_, n) => `k${sent + n}`);
      await Promise.all(ids.map((id) => a.ask(id, say(group, large))));
    }
    expect(sent * large.length).toBeGreaterThan(connectionLimits.unreadBytes);
    expect(await ended()).toBe(1);
    const last = await a.ask('last', say(group, 'end'));
    if (last.type !== 'ack') throw new Error(last.code);
    await quick.event(group, last.seq);
    slow.socket.terminate();
    await Promise.all([a.close(), quick.close()]);
    await parlance.close();
  });

  it('hellos at once are all answered, and whoever is there already goes on', async () => {
    const parlance = await startParlance({ MAX_CONNECTIONS_PER_PERSON: 500 });
    const ann = await signUp(parlance.url, 'ann');
    const a = await arrive(parlance, ann);
    const group = await founded(a, []);
    const storm = await Promise.all(Array.from({ length: 300 }, () => openSocket(parlance.url)));
    const welcomes = Promise.all(storm.map((socket) => socket.hello(ann.accessToken)));
    let answered = 0;
    let isOver = false;
    void welcomes.then(() => (isOver = true));
    for (; !isOver; answered += 1)
      expect(await a.ask(`k${answered}`, say(group, 'meanwhile'))).toMatchObject({ type: 'ack' });
    expect((await welcomes).every(({ type }) => type === 'welcome')).toBe(true);
    expect(answered).toBeGreaterThan(5);
    for (const { socket } of storm) socket.terminate();
    await a.close();
    await parlance.close();
  });
});
