import { subprotocols } from '../protocol.ts';
import type { Frame } from './frame.ts';
import { unpack } from './msgpack.ts';

/** How a socket speaks. */
export type Format = {
  readonly binary: boolean;
  /** A whole WebSocket frame. */
  encode(frame: Frame): Buffer;
  /** Undefined for what can't be read. */
  decode(message: Buffer): unknown;
};

const fromJson = (message: Buffer): unknown => {
  try {
    return JSON.parse(message.toString()) as unknown;
  } catch {
    return undefined;
  }
};

export const json: Format = { binary: false, encode: (frame) => frame.text(), decode: fromJson };
export const msgpack: Format = { binary: true, encode: (frame) => frame.msgpack(), decode: unpack };
export const deflatedJson = (threshold: number): Format => ({
  ...json,
  encode: (frame) => frame.deflated(threshold),
});

/** The first that is spoken here of what a client asks for in `Sec-WebSocket-Protocol`; undefined if it asks and none is. */
export const formatFor = (asked: string | undefined): Format | undefined => {
  if (asked === undefined) return json;
  for (const name of asked.split(',')) {
    if (name.trim() === subprotocols.json) return json;
    if (name.trim() === subprotocols.msgpack) return msgpack;
  }
  return undefined;
};
