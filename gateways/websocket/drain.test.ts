import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openSocket, signUp } from '../../infra/testing/client.ts';
import { type Parlance, startParlance } from '../../infra/testing/start.ts';

let parlance: Parlance;
beforeEach(async () => {
  parlance = await startParlance();
});
afterEach(() => parlance.close());

it('a server that is told to stop answers the commands it has before it says good-bye', async () => {
  const [ann, ben] = [await signUp(parlance.url, 'ann'), await signUp(parlance.url, 'ben')];
  const socket = await openSocket(parlance.url);
  await socket.hello(ann.accessToken);
  const started = await socket.ask('start', { type: 'StartDirect', with: ben.user.userId });
  if (started.type !== 'ack') throw new Error(started.message);
  const { conversationId } = started;
  for (let n = 0; n < 200; n += 1) {
    const content = { kind: 'text' as const, text: `${n}` };
    socket.send({
      type: 'command',
      id: `k${n}`,
      command: { type: 'SendMessage', conversationId, content, mentions: [] },
    });
  }
  // The pong comes once the server has read everything before the ping.
  socket.send({ type: 'ping' });
  await socket.until(() => socket.frames.find(({ type }) => type === 'pong'), 'pong');
  const closing = parlance.close({ keep: true });
  expect(await socket.closed()).toMatchObject({ code: 1012 });
  await closing;
  const acknowledged = socket.frames.filter((frame) => frame.type === 'ack' && frame.id.startsWith('k'));
  expect(acknowledged).toHaveLength(200);
  expect(socket.frames.at(-1)).toMatchObject({ type: 'bye' });
});

it('half a request does not keep the server from stopping', async () => {
  const half = connect(parlance.port, '127.0.0.1');
  await once(half, 'connect');
  half.write(
    'POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
  );
  // Whoever came later has been accepted, so it has too.
  await signUp(parlance.url, 'ann');
  expect(await parlance.close({ keep: true })).toBeUndefined();
  half.destroy();
});
