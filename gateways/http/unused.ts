import type { Socket } from 'node:net';
import type { App } from './app.ts';

/**
 * Browsers open connections ahead of the requests that may come. Node counts one without a request as busy: closing would
 * wait for it until `headersTimeout`.
 */
export const endUnused = (app: App): void => {
  const unused = new Set<Socket>();
  app.server.on('connection', (socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  const used = ({ socket }: { socket: Socket }) => unused.delete(socket);
  app.server.on('request', used);
  app.server.on('upgrade', used);
  app.addHook('preClose', async () => {
    for (const socket of unused) socket.destroy();
  });
};
