import type { Duplex } from 'node:stream';

/** A whole unmasked text frame (RFC 6455 §5.2): made once, written to as many sockets as it is for. */
export const textFrame = (text: string): Buffer => {
  const length = Buffer.byteLength(text);
  const head = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(head + length);
  frame[0] = 0x81;
  if (head === 2) frame[1] = length;
  else if (head === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.write(text, head);
  return frame;
};

/** What waits to be written to one socket in this turn of the event loop. */
export type Outbox = {
  put(frame: Buffer): void;
  flush(): void;
  /** Bytes that the reader has not taken yet. */
  readonly unread: number;
};

/**
 * System calls cost more than everything else of a delivery: what a socket is to get in one turn of the event loop is
 * written at once, at the end of it.
 */
export const createOutboxes = () => {
  let dirty: Outbox[] = [];
  const flushAll = () => {
    const boxes = dirty;
    dirty = [];
    for (const box of boxes) box.flush();
  };
  return (socket: Duplex): Outbox => {
    let frames: Buffer[] = [];
    let bytes = 0;
    const box: Outbox = {
      put(frame) {
        if (frames.length === 0) {
          if (dirty.length === 0) setImmediate(flushAll);
          dirty.push(box);
        }
        frames.push(frame);
        bytes += frame.length;
      },
      flush() {
        const [first, ...more] = frames;
        frames = [];
        bytes = 0;
        if (first && socket.writable)
          socket.write(more.length === 0 ? first : Buffer.concat([first, ...more]));
      },
      get unread() {
        return bytes + socket.writableLength;
      },
    };
    return box;
  };
};
