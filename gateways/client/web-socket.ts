import type { ServerFrame, subprotocols } from '../protocol.ts';
import type { Encoding, SocketClass, SocketLike } from './options.ts';
import type { Transport } from './transport.ts';

const MSGPACK: (typeof subprotocols)['msgpack'] = 'parlance.v1.msgpack';
const OPEN = 1;

type Options = { readonly url: string; readonly WebSocket?: SocketClass; readonly msgpack?: Encoding };

export const webSocketTransport = ({ url, msgpack, ...options }: Options): Transport => ({
  name: 'websocket',
  open({ opened, receive, closed }) {
    let over = false;
    const end = (code: number, reason: string) => {
      if (over) return;
      over = true;
      closed(code, reason);
    };
    let socket: SocketLike;
    try {
      const { WebSocket = (globalThis as { WebSocket?: SocketClass }).WebSocket } = options;
      if (!WebSocket) throw new Error('There is no WebSocket here.');
      socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws`, msgpack && [MSGPACK]);
    } catch (error) {
      queueMicrotask(() => end(1006, error instanceof Error ? error.message : String(error)));
      return { send: () => undefined, close: () => (over = true) };
    }
    const drop = () => {
      if ('terminate' in socket && typeof socket.terminate === 'function') socket.terminate();
      else socket.close();
    };
    const decode = (data: unknown): ServerFrame =>
      (msgpack && data instanceof ArrayBuffer
        ? msgpack.decode(new Uint8Array(data))
        : JSON.parse(String(data))) as ServerFrame;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => !over && opened();
    socket.onmessage = ({ data }: { data: unknown }) => {
      if (over) return;
      let frame: ServerFrame;
      try {
        frame = decode(data);
      } catch {
        drop();
        return end(1007, 'The server sent something unreadable.');
      }
      receive(frame);
    };
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => end(code, reason);
    socket.onerror = () => undefined; // a close follows
    return {
      send: (frame) => {
        if (socket.readyState !== OPEN) return;
        socket.send(msgpack ? new Uint8Array(msgpack.encode(frame)) : JSON.stringify(frame));
      },
      close: () => {
        over = true;
        drop();
      },
    };
  },
});
