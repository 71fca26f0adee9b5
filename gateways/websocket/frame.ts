import { constants, deflateRawSync } from 'node:zlib';
import { type Options, Packr } from 'msgpackr';
import type { ServerFrame } from '../protocol.ts';

const heads = { text: 0x81, binary: 0x82, deflatedText: 0xc1 } as const;
// Plain maps, which any MessagePack library reads, and nothing for what JSON leaves out. The types don't know `skipValues`.
const plainMaps: Options & { skipValues: unknown[] } = {
  useRecords: false,
  variableMapSize: true,
  skipValues: [undefined],
};
const packr = new Packr(plainMaps);

/** A frame for any number of readers: it is encoded once for each encoding that one of them speaks. */
export class Frame {
  readonly value: ServerFrame;
  #json: string | undefined;
  #text: Buffer | undefined;
  #deflated: Buffer | undefined;
  #msgpack: Buffer | undefined;

  constructor(value: ServerFrame) {
    this.value = value;
  }

  json(): string {
    return (this.#json ??= JSON.stringify(this.value));
  }

  /** A whole unmasked WebSocket text frame (RFC 6455 §5.2). */
  text(): Buffer {
    return (this.#text ??= whole(heads.text, this.json()));
  }

  /**
   * The same for a reader with permessage-deflate (RFC 7692): compressed from `threshold` bytes of JSON on. It depends on
   * no frame before it, so that all its readers can have the same bytes. A server has one threshold.
   */
  deflated(threshold: number): Buffer {
    return (this.#deflated ??=
      this.text().length < threshold ? this.text() : whole(heads.deflatedText, deflate(this.json())));
  }

  /** A whole unmasked WebSocket binary frame. */
  msgpack(): Buffer {
    return (this.#msgpack ??= whole(heads.binary, packr.pack(this.value)));
  }
}

/** The last four bytes of a flush are always the same; the reader adds them (RFC 7692 §7.2.1). */
const deflate = (text: string): Buffer =>
  deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);

const whole = (first: number, payload: string | Buffer): Buffer => {
  const length = Buffer.byteLength(payload);
  const head = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(head + length);
  frame[0] = first;
  if (head === 2) frame[1] = length;
  else if (head === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  if (typeof payload === 'string') frame.write(payload, head);
  else payload.copy(frame, head);
  return frame;
};
