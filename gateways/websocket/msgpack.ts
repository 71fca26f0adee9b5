/** Deeper than any frame is. */
const DEEPEST = 32;

/**
 * Reads what a client sent: nil, booleans, numbers, strings, arrays, and maps with strings as keys. Undefined if it is
 * anything else: general libraries also read extensions, which make objects of many kinds and compile code for them.
 */
export const unpack = (data: Buffer): unknown => {
  let at = 0;

  const take = (bytes: number): number => {
    const from = at;
    at += bytes;
    if (at > data.length) throw malformed;
    return from;
  };
  const text = (length: number): string => {
    const from = take(length);
    return data.toString('utf8', from, at);
  };
  const array = (length: number, depth: number): unknown[] => {
    if (length > data.length - at) throw malformed;
    return Array.from({ length }, () => read(depth + 1));
  };
  const map = (length: number, depth: number): Record<string, unknown> => {
    const object: Record<string, unknown> = {};
    for (let n = 0; n < length; n += 1) {
      const key = read(depth + 1);
      if (typeof key !== 'string' || key === '__proto__') throw malformed;
      object[key] = read(depth + 1);
    }
    return object;
  };
  const integer = (value: bigint): number => {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw malformed;
    return number;
  };

  const read = (depth: number): unknown => {
    if (depth > DEEPEST) throw malformed;
    const head = data[take(1)] ?? 0;
    if (head < 0x80) return head;
    if (head < 0x90) return map(head & 0x0f, depth);
    if (head < 0xa0) return array(head & 0x0f, depth);
    if (head < 0xc0) return text(head & 0x1f);
    if (head >= 0xe0) return head - 0x100;
    switch (head) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xca:
        return data.readFloatBE(take(4));
      case 0xcb:
        return data.readDoubleBE(take(8));
      case 0xcc:
        return data.readUInt8(take(1));
      case 0xcd:
        return data.readUInt16BE(take(2));
      case 0xce:
        return data.readUInt32BE(take(4));
      case 0xcf:
        return integer(data.readBigUInt64BE(take(8)));
      case 0xd0:
        return data.readInt8(take(1));
      case 0xd1:
        return data.readInt16BE(take(2));
      case 0xd2:
        return data.readInt32BE(take(4));
      case 0xd3:
        return integer(data.readBigInt64BE(take(8)));
      case 0xd9:
        return text(data.readUInt8(take(1)));
      case 0xda:
        return text(data.readUInt16BE(take(2)));
      case 0xdb:
        return text(data.readUInt32BE(take(4)));
      case 0xdc:
        return array(data.readUInt16BE(take(2)), depth);
      case 0xdd:
        return array(data.readUInt32BE(take(4)), depth);
      case 0xde:
        return map(data.readUInt16BE(take(2)), depth);
      case 0xdf:
        return map(data.readUInt32BE(take(4)), depth);
      default:
        throw malformed;
    }
  };

  try {
    const value = read(0);
    return at === data.length ? value : undefined;
  } catch (error) {
    if (error === malformed) return undefined;
    throw error;
  }
};

const malformed = new Error('malformed MessagePack');
