import { type IncomingMessage, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import Database from 'libsql';
import { type WebSocket, WebSocketServer } from 'ws';

// The floor: the least that a durable chat server can do, in one file. It numbers, stores, acknowledges and delivers the
// messages of pairs of people (2p and 2p + 1), or of one group of everybody, and passes on who writes. It checks nothing.
// What Parlance costs is what it needs beyond this.

type Send = {
  readonly socket: WebSocket;
  readonly sender: number;
  readonly id: string;
  readonly text: string;
};

type Message =
  | { readonly user: number }
  | { readonly typing: boolean }
  | { readonly id: string; readonly text: string };

const db = new Database(join(process.env.DATA_DIR ?? '.', 'floor.db'));
db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
db.exec('CREATE TABLE IF NOT EXISTS messages (conversation INTEGER, seq INTEGER, sender INTEGER, text TEXT)');
const begin = db.prepare('BEGIN IMMEDIATE');
const insert = db.prepare('INSERT INTO messages VALUES (?, ?, ?, ?)');
const commit = db.prepare('COMMIT');

// One system call a frame; with FLOOR_CORK one a socket and commit, which is worth something only near saturation.
const corks = process.env.FLOOR_CORK === '1';
const together = process.env.FLOOR_TOGETHER === '1';
const windowMs = Number(process.env.FLOOR_WINDOW_MS ?? 0);
const seats = new Map<number, WebSocket>();
const lastSeq = new Map<number, number>();
let arrived: Send[] = [];

const conversationOf = (sender: number) => (together ? 0 : sender >> 1);

// The commit holds the loop; what arrives meanwhile waits in the kernel, is read in one turn, and is the next group.
const flush = () => {
  const group = arrived;
  arrived = [];
  const seqs = group.map(({ sender }) => {
    const conversation = conversationOf(sender);
    const seq = (lastSeq.get(conversation) ?? -1) + 1;
    lastSeq.set(conversation, seq);
    return seq;
  });
  begin.run();
  group.forEach(({ sender, text }, i) => insert.run(conversationOf(sender), seqs[i], sender, text));
  commit.run();
  const corked = new Set<Writable>();
  const write = (socket: WebSocket, bytes: Buffer) => {
    const stream = raw(socket);
    if (corks && !corked.has(stream)) {
      corked.add(stream);
      stream.cork();
    }
    stream.write(bytes);
  };
  const frames = group.map(({ socket, sender, id, text }, i) => {
    write(socket, frame(`{"type":"ack","id":"${id}","seq":${seqs[i]}}`));
    const event = frame(JSON.stringify({ type: 'events', sender, seq: seqs[i], text }));
    const other = together ? undefined : seats.get(sender ^ 1);
    if (other) write(other, event);
    return event;
  });
  if (together) broadcast(Buffer.concat(frames));
  for (const stream of corked) stream.uncork();
};

/** The same bytes for everybody. */
const broadcast = (bytes: Buffer) => {
  for (const socket of seats.values()) raw(socket).write(bytes);
};

const frame = (text: string): Buffer => {
  const length = Buffer.byteLength(text);
  const head = length < 126 ? 2 : 4;
  const bytes = Buffer.allocUnsafe(head + length);
  bytes[0] = 0x81;
  bytes[1] = head === 2 ? length : 126;
  if (head === 4) bytes.writeUInt16BE(length, 2);
  bytes.write(text, head);
  return bytes;
};

/** The TCP socket under a WebSocket: `ws` has no way to send a frame that was built before. */
const raw = (socket: WebSocket) => (socket as unknown as { _socket: Writable })._socket;

const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, clientTracking: false });

const open = (socket: WebSocket) => {
  let sender = -1;
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as Message;
    if ('user' in message) {
      sender = message.user;
      seats.set(sender, socket);
      return raw(socket).write(frame('{"type":"welcome"}'));
    }
    if ('typing' in message) return broadcast(frame(`{"type":"typing","on":["${sender}"],"off":[]}`));
    if (arrived.push({ socket, sender, id: message.id, text: message.text }) > 1) return undefined;
    return windowMs > 0 ? setTimeout(flush, windowMs) : setImmediate(flush);
  });
  socket.on('close', () => seats.get(sender) === socket && seats.delete(sender));
};

const http = createServer();
http.on('upgrade', (request: IncomingMessage, socket, head) =>
  sockets.handleUpgrade(request, socket, head, open),
);
http.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(http.address() as AddressInfo).port}`);
});
process.on('SIGTERM', () => process.exit(0));
