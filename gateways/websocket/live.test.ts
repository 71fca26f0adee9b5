import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Socket, openSocket, request, signUp } from '../../infra/testing/client.ts';
import { type Parlance, startParlance } from '../../infra/testing/start.ts';
import type { ClientFrame, ServerFrame, Session } from '../protocol.ts';

let parlance: Parlance;
let ann: Session;
let ben: Session;
let cat: Session;
let group: string;
let count = 0;
const id = () => `l${(count += 1)}`;

beforeAll(async () => {
  parlance = await startParlance({ LIMIT_DEVICE: 2 });
  ann = await signUp(parlance.url, 'ann');
  ben = await signUp(parlance.url, 'ben');
  cat = await signUp(parlance.url, 'cat');
  const socket = await arrive(ann);
  const made = await socket.ask(id(), { type: 'CreateGroup', title: 'Tea', members: [ben.user.userId] });
  if (made.type !== 'ack') throw new Error(made.code);
  group = made.conversationId;
  await socket.close();
});
afterAll(() => parlance.close());

const arrive = async (session: Session): Promise<Socket> => {
  const socket = await openSocket(parlance.url);
  expect(await socket.hello(session.accessToken)).toMatchObject({ type: 'welcome' });
  return socket;
};
const frame = <T extends ServerFrame['type']>(socket: Socket, type: T, what: (one: Frame<T>) => boolean) =>
  socket.until(
    () => socket.frames.find((one): one is Frame<T> => one.type === type && what(one as Frame<T>)),
    type,
  );
type Frame<T extends ServerFrame['type']> = Extract<ServerFrame, { type: T }>;

const shows = (state: string, session: Session) => (one: Frame<'presence'>) =>
  one.people.some(({ userId, state: found }) => userId === session.user.userId && found === state);

describe('what goes by over sockets', () => {
  it('is who writes, until they stop or go', async () => {
    const [a, b] = [await arrive(ann), await arrive(ben)];
    const typing = (on: boolean): ClientFrame => ({ type: 'typing', conversationId: group, on });
    a.send(typing(true));
    await frame(b, 'typing', ({ on }) => on.includes(ann.user.userId));
    a.send(typing(false));
    await frame(b, 'typing', ({ off }) => off.includes(ann.user.userId));
    a.send(typing(true));
    await a.close();
    const ends = () =>
      b.frames.filter((one) => one.type === 'typing' && one.off.includes(ann.user.userId)).length === 2;
    expect(await b.until(() => ends() || undefined, 'end of typing')).toBe(true);
    await b.close();
  });

  it('is not for those who are no members: they are refused', async () => {
    const [c, b] = [await arrive(cat), await arrive(ben)];
    c.send({ type: 'typing', conversationId: group, on: true });
    expect(await frame(c, 'error', () => true)).toMatchObject({
      code: 'conversation_not_found',
      retry: false,
    });
    c.send({ type: 'watch', conversationIds: [group] });
    c.send({ type: 'presence', state: 'away' });
    c.send({ type: 'ping' });
    await frame(c, 'pong', () => true);
    expect(c.frames.some(({ type }) => type === 'presence')).toBe(false);
    expect(b.frames.some(({ type }) => type === 'typing')).toBe(false);
    await Promise.all([c.close(), b.close()]);
  });

  it('is who is here, and when they were last, except of those who don’t want it', async () => {
    const a = await arrive(ann);
    a.send({ type: 'watch', conversationIds: [group] });
    await frame(a, 'presence', shows('online', ann));
    const b = await arrive(ben);
    await frame(a, 'presence', shows('online', ben));
    b.send({ type: 'presence', state: 'away' });
    await frame(a, 'presence', shows('away', ben));
    const before = a.frames.length;
    const hide = await request(parlance.url, '/v1/me/preferences', {
      method: 'PUT',
      token: ben.accessToken,
      body: { sharePresence: false },
    });
    expect(hide.status).toBe(200);
    const gone = await a.until(
      () => a.frames.slice(before).find(({ type }) => type === 'presence'),
      'presence',
    );
    expect(gone).toEqual({ type: 'presence', people: [{ userId: ben.user.userId, state: 'offline' }] });
    await Promise.all([a.close(), b.close()]);
  });

  it('is bounded by limits that say which they are, and what is asked again in time is done', async () => {
    const a = await arrive(ann);
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        a.ask(`many${n}`, { type: 'SetTopic', conversationId: group, topic: `topic ${n}` }),
      ),
    );
    const refused = answers.filter((answer) => answer.type === 'error');
    expect(refused.length).toBeGreaterThanOrEqual(5);
    for (const answer of refused) {
      expect(answer).toMatchObject({ code: 'rate_limited', retry: true, limit: 'device' });
      expect(answer.retryAfterMs).toBeLessThanOrEqual(500);
    }
    const metrics = await parlance.core.metrics.registry.metrics();
    expect(metrics).toContain(`parlance_limited_total{limit="device"} ${refused.length}`);
    expect(metrics).toMatch(/parlance_people_online 1/);
    await a.close();
  });
});
