// RFC 6455 by hand, as far as a loader needs it: client libraries cost more than the server that is measured.

export const opcodes = { text: 1, close: 8, ping: 9, pong: 10 } as const;

const MASK = [0x37, 0xfa, 0x21, 0x3d] as const;

/** A whole frame of a client, masked as a browser's would be. */
export const clientFrame = (text: string, opcode: number = opcodes.text): Buffer => {
  const length = Buffer.byteLength(text);
  if (length > 0xffff) throw new RangeError('a frame of the loader has at most 65,535 bytes');
  const start = length < 126 ? 6 : 8;
  const frame = Buffer.allocUnsafe(start + length);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | (start === 6 ? length : 126);
  if (start === 8) frame.writeUInt16BE(length, 2);
  for (let i = 0; i < 4; i += 1) frame[start - 4 + i] = MASK[i] ?? 0;
  frame.write(text, start);
  for (let i = 0; i < length; i += 1) frame[start + i] = (frame[start + i] ?? 0) ^ (MASK[i & 3] ?? 0);
  return frame;
};

export const upgradeRequest = (path: string, host: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  'Sec-WebSocket-Key: cGFybGFuY2UtYmVuY2gxMg==\r\nSec-WebSocket-Version: 13\r\n\r\n';

/**
 * Calls `onFrame` for every frame of a server in the chunk (the payload is `bytes` from `start` to `end`, valid during the
 * call only) and gives how many bytes were whole frames; the caller keeps the rest.
 */
export const eachServerFrame = (
  bytes: Buffer,
  onFrame: (opcode: number, bytes: Buffer, start: number, end: number) => void,
): number => {
  let at = 0;
  for (;;) {
    if (at + 2 > bytes.length) return at;
    const opcode = (bytes[at] ?? 0) & 0x0f;
    let length = (bytes[at + 1] ?? 0) & 0x7f;
    let start = at + 2;
    if (length >= 126) {
      start += length === 126 ? 2 : 8;
      if (start > bytes.length) return at;
      length = length === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
    }
    if (start + length > bytes.length) return at;
    onFrame(opcode, bytes, start, start + length);
    at = start + length;
  }
};
