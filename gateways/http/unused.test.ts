import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { startParlance } from '../../infra/testing/start.ts';

it('a connection on which nothing was asked yet does not keep the server from closing', async () => {
  const server = await startParlance();
  const socket = connect(server.port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  // The server has it once another connection, made later, was answered.
  await (await fetch(`http://127.0.0.1:${server.port}/health/live`)).text();
  const ended = once(socket, 'close');
  await server.close();
  await ended;
  expect(socket.destroyed).toBe(true);
});
