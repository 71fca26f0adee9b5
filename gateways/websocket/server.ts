import { type IncomingMessage, STATUS_CODES, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { MAX_FRAME_BYTES, subprotocols } from '../protocol.ts';
import { type ErrorCode, Refusal, errorBodyOf, statusOf } from '../rejections.ts';
import type { Backlog } from './backlog.ts';
import type { Connections } from './connections.ts';
import { deflatedJson, formatFor, json } from './format.ts';
import { addressOf, isForeign } from './origin.ts';
import { createFlusher } from './outbox.ts';
import { WsTransport } from './ws-transport.ts';

export type SocketSettings = {
  readonly publicHost: string | undefined;
  readonly trustedProxies: number;
  /** From how many bytes on frames are compressed for clients that ask for it; undefined: none are. */
  readonly compressFrom: number | undefined;
};

const RETRY_SECONDS = 5;

const options = {
  noServer: true,
  maxPayload: MAX_FRAME_BYTES,
  clientTracking: false,
  /** How long a client may take to answer a close. */
  closeTimeout: 2_000,
  handleProtocols: (asked: Set<string>) => [...asked].find(isSpoken) ?? false,
};
const isSpoken = (name: string) => Object.values<string>(subprotocols).includes(name);

/** WebSocket at `/ws` of an HTTP server. */
export const createSocketServer = (
  http: Server,
  connections: Pick<Connections, 'refuses' | 'open'>,
  backlog: Backlog,
  { publicHost, trustedProxies, compressFrom }: SocketSettings,
): void => {
  const plain = new WebSocketServer({ ...options, perMessageDeflate: false });
  // What is written must be readable by itself, and nothing be kept between frames.
  const contextless = { serverNoContextTakeover: true, clientNoContextTakeover: true };
  const deflating = new WebSocketServer({ ...options, perMessageDeflate: contextless });
  const deflated = compressFrom === undefined ? undefined : deflatedJson(compressFrom);
  const flusher = createFlusher(backlog);

  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy()); // Node has taken its own listener away
    if (request.url?.split('?', 1)[0] !== '/ws') return refuse(socket, 'not_found');
    const address = addressOf(request, trustedProxies);
    const full = connections.refuses(address);
    if (full) return refuse(socket, full);
    if (isForeign(request.headers, publicHost)) return refuse(socket, 'foreign_origin');
    const spoken = formatFor(request.headers['sec-websocket-protocol']);
    if (!spoken) {
      const names = Object.values(subprotocols).join(' and ');
      return refuse(socket, 'invalid_request', `The subprotocols here are ${names}.`);
    }
    const compressing = deflated !== undefined && spoken === json && takesWholeWindow(request);
    const server = compressing ? deflating : plain;
    return server.handleUpgrade(request, socket, head, (webSocket) => {
      const format = compressing && webSocket.extensions !== '' ? deflated : spoken;
      const transport = new WsTransport(webSocket, socket, { address, format, flusher });
      webSocket.once('close', connections.open(transport));
    });
  };
  http.on('upgrade', upgrade);
};

/** Compressed frames are the same for everybody: a client that wants a smaller window gets none. */
const takesWholeWindow = ({ headers }: IncomingMessage): boolean =>
  !headers['sec-websocket-extensions']?.includes('server_max_window_bits=');

const refuse = (socket: Duplex, code: ErrorCode, message?: string) => {
  const body = JSON.stringify(errorBodyOf(new Refusal(code, message)));
  const status = statusOf(code);
  const retry = status === 429 || status === 503 ? `Retry-After: ${RETRY_SECONDS}\r\n` : '';
  // Nobody reads it any more: without this it would stay until the client is gone, and keep the server from ending.
  socket.once('finish', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\n${retry}` +
      `Content-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
};
