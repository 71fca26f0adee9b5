import { type Socket, connect } from 'node:net';
import { clientFrame, eachServerFrame, opcodes, upgradeRequest } from './frames.ts';

// One buffer for all sockets of the process: it is read into and used up in one call.
const shared = Buffer.allocUnsafeSlow(256 * 1024);

export type Frames = {
  /** A text frame; `bytes` are valid during the call only. */
  text(bytes: Buffer, start: number, end: number): void;
  /** The server closed the socket, or the connection broke. */
  ended(why: string): void;
};

export type ClientSocket = {
  send(text: string): void;
  close(): void;
  /** Reads nothing any more. */
  pause(): void;
};

/** A WebSocket client on a raw socket; resolves when the server has switched protocols. */
export const openSocket = (url: URL, path: string, frames: Frames): Promise<ClientSocket> =>
  new Promise((resolve, reject) => {
    let rest: Buffer | undefined;
    let upgraded = false;
    let closing = false;

    const frame = (opcode: number, bytes: Buffer, start: number, end: number) => {
      if (opcode === opcodes.text) return frames.text(bytes, start, end);
      if (opcode === opcodes.ping)
        socket.write(clientFrame(bytes.toString('latin1', start, end), opcodes.pong));
      if (opcode === opcodes.close)
        frames.ended(`closed by the server: ${bytes.toString('utf8', start + 2, end)}`);
      return undefined;
    };

    const data = (chunk: Buffer) => {
      let bytes = rest ? Buffer.concat([rest, chunk]) : chunk;
      if (!upgraded) {
        const end = bytes.indexOf('\r\n\r\n');
        if (end !== -1) {
          const status = bytes.toString('latin1', 0, bytes.indexOf('\r\n'));
          if (!status.includes(' 101 ')) return socket.destroy(new Error(`no WebSocket: ${status}`));
          upgraded = true;
          bytes = bytes.subarray(end + 4);
          resolve(client);
        }
      }
      const used = upgraded ? eachServerFrame(bytes, frame) : 0;
      rest = used < bytes.length ? Buffer.from(bytes.subarray(used)) : undefined;
      return undefined;
    };

    const socket: Socket = connect({
      host: url.hostname,
      port: Number(url.port),
      noDelay: true,
      onread: {
        buffer: shared,
        callback: (length, buffer) => {
          data((buffer as Buffer).subarray(0, length));
          return true;
        },
      },
    });
    const client: ClientSocket = {
      send: (text) => void socket.write(clientFrame(text)),
      close: () => {
        closing = true;
        socket.destroy();
      },
      pause: () => void socket.pause(),
    };
    socket.on('connect', () => socket.write(upgradeRequest(path, url.host)));
    socket.on('error', (error) => {
      reject(error);
      if (upgraded && !closing) frames.ended(error.message);
    });
    socket.on('close', () => {
      reject(new Error('the server closed the connection before the upgrade'));
      if (upgraded && !closing) frames.ended('the connection ended');
    });
  });
