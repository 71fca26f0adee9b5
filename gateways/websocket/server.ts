import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { MAX_FRAME_BYTES, closeCodes } from '../protocol.ts';
import { createOutboxes } from './outbox.ts';
import { type Connection, type ConnectionDeps, createConnection } from './connection.ts';

const TURN_MS = 5_000;
const TURNS_PER_BEAT = 6;
const CLOSE_MS = 2_000;

export type SocketServer = {
  connections(): number;
  /** Ends the sockets of a device that was signed out. */
  endDevice(deviceId: string): void;
  /** Answers what was asked, tells every client when to come back, closes, and waits for the sockets to end, two seconds at most. */
  drain(): Promise<void>;
};

/** WebSocket at `/ws` of an HTTP server. */
export const createSocketServer = (
  http: Server,
  deps: ConnectionDeps & { readonly maxConnections: number; readonly publicHost: string | undefined },
): SocketServer => {
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_FRAME_BYTES,
    clientTracking: false,
  });
  const outboxFor = createOutboxes();
  const connections = new Set<Connection>();
  let draining = false;
  let onEmpty: () => void = () => undefined;
  let turn = 0;

  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy()); // Node has taken its own listener away
    if (request.url?.split('?', 1)[0] !== '/ws') return refuse(socket, '404 Not Found');
    if (draining || connections.size >= deps.maxConnections) return refuse(socket, '503 Service Unavailable');
    // A page of another site must not speak for whoever is signed in here; programs send no Origin.
    const { origin, host } = request.headers;
    if (origin !== undefined && ![host, deps.publicHost].includes(hostOf(origin) ?? ''))
      return refuse(socket, '403 Forbidden');
    return server.handleUpgrade(request, socket, head, (webSocket) => {
      const connection = createConnection(webSocket, outboxFor(socket), randomUUID(), deps);
      connections.add(connection);
      webSocket.on('close', () => {
        connections.delete(connection);
        if (connections.size === 0) onEmpty();
      });
    });
  };
  http.on('upgrade', upgrade);

  const wheel = setInterval(() => {
    turn += 1;
    const now = deps.now();
    for (const connection of connections) connection.check(now, turn % TURNS_PER_BEAT === 0);
  }, TURN_MS);
  wheel.unref();

  return {
    connections: () => connections.size,
    endDevice(deviceId) {
      for (const connection of connections) {
        if (connection.identity()?.deviceId === deviceId)
          connection.end(closeCodes.unauthorized, 'this device was signed out');
      }
    },
    async drain() {
      draining = true;
      clearInterval(wheel);
      http.off('upgrade', upgrade);
      for (const connection of connections) {
        connection.leave('the server is restarting', Math.round(500 + Math.random() * 2_500));
      }
      if (connections.size > 0) {
        await new Promise<void>((resolve) => {
          onEmpty = resolve;
          setTimeout(resolve, CLOSE_MS).unref();
        });
      }
      for (const connection of connections) connection.terminate();
      server.close();
    },
  };
};

const refuse = (socket: Duplex, status: string) => {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
};

const hostOf = (origin: string): string | undefined =>
  URL.canParse(origin) ? new URL(origin).host : undefined;
