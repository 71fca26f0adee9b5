/** One end of a pair, or a member of a group. All of it is Parlance's; the floor knows people by their number. */
export type Person = { readonly userId: string; readonly token: string; readonly conversationId: string };

/**
 * How the loader speaks to a server. Both write `{"type":"ack","id":…,"seq":…}` and `{"type":"events",…}` with a `"seq":`
 * before each text, so reading is the same for both.
 */
export type Dialect = {
  readonly path: string;
  /** `sync`: where a device has come to that was there before. */
  hello(index: number, person: Person, sync?: string): string;
  send(person: Person, id: string, text: string): string;
  typing(person: Person): string;
  /** How others are told of somebody. */
  nameOf(index: number, person: Person): string;
  /** Sends are repeated with the same id, and the second time acknowledged only. */
  readonly sendsOnce: boolean;
};

const parlance: Dialect = {
  path: '/ws',
  hello: (_index, { token }, sync) =>
    `{"type":"hello","version":1,"token":"${token}"${sync === undefined ? '' : `,"sync":"${sync}"`}}`,
  send: ({ conversationId }, id, text) =>
    `{"type":"command","id":"${id}","command":{"type":"SendMessage","conversationId":"${conversationId}",` +
    `"content":{"kind":"text","text":"${text}"}}}`,
  typing: ({ conversationId }) => `{"type":"typing","conversationId":"${conversationId}","on":true}`,
  nameOf: (_index, { userId }) => userId,
  sendsOnce: true,
};

const floor: Dialect = {
  path: '/',
  hello: (index) => `{"user":${index}}`,
  send: (_person, id, text) => `{"id":"${id}","text":"${text}"}`,
  typing: () => '{"typing":true}',
  nameOf: (index) => String(index),
  sendsOnce: false,
};

export const dialects = { parlance, floor } as const;
export type DialectName = keyof typeof dialects;

const DIGITS = { step: 5, due: 10, k: 8 } as const;
const MARK = 0x7e; // ~
const FILLER = 'and then somebody said a little more about it';
const marked = 1 + DIGITS.step + DIGITS.due + DIGITS.k;

/** About 70 characters, as long as a message of a real chat; what the loader must know of it rides in front. */
export const textOf = (step: number, dueMicros: number, k: number): string =>
  `~${String(step).padStart(DIGITS.step, '0')}${String(dueMicros).padStart(DIGITS.due, '0')}${String(k).padStart(DIGITS.k, '0')} ${FILLER}`;

/** Where the next text starts, -1 if there is none before `end`. */
export const nextText = (bytes: Buffer, from: number, end: number): number => {
  const at = bytes.indexOf(MARK, from);
  return at === -1 || at + marked > end ? -1 : at;
};

export const textStep = (bytes: Buffer, at: number): number => digits(bytes, at + 1, DIGITS.step);
export const textDue = (bytes: Buffer, at: number): number => digits(bytes, at + 1 + DIGITS.step, DIGITS.due);
export const textK = (bytes: Buffer, at: number): number =>
  digits(bytes, at + 1 + DIGITS.step + DIGITS.due, DIGITS.k);
export const afterText = (at: number): number => at + marked;

const digits = (bytes: Buffer, at: number, count: number): number => {
  let value = 0;
  for (let i = 0; i < count; i += 1) value = value * 10 + (bytes[at + i] ?? 48) - 48;
  return value;
};

const letters = { a: 0x61, e: 0x65, s: 0x73, t: 0x74, v: 0x76, w: 0x77 } as const;
export type FrameType = 'ack' | 'events' | 'typing' | 'welcome' | 'synced' | 'other';

/** Frames of both servers begin with `{"type":"`; two letters more tell the rest. */
export const frameType = (bytes: Buffer, start: number): FrameType => {
  switch (bytes[start + 9]) {
    case letters.e:
      return bytes[start + 10] === letters.v ? 'events' : 'other';
    case letters.a:
      return 'ack';
    case letters.t:
      return 'typing';
    case letters.w:
      return 'welcome';
    case letters.s:
      return 'synced';
    default:
      return 'other';
  }
};

const SEQ = Buffer.from('"seq":');
const ID = Buffer.from('"id":"');

/** The first `"seq":` from there on. */
export const seqAfter = (bytes: Buffer, from: number): number =>
  numberAt(bytes, bytes.indexOf(SEQ, from) + SEQ.length);

/** The ids of the loader are `<step>-<k>`. */
export const ackOf = (bytes: Buffer, from: number): { step: number; k: number } => {
  const at = bytes.indexOf(ID, from) + ID.length;
  const step = numberAt(bytes, at);
  return { step, k: numberAt(bytes, bytes.indexOf(0x2d, at) + 1) };
};

const numberAt = (bytes: Buffer, from: number): number => {
  let value = 0;
  for (let at = from; ; at += 1) {
    const digit = (bytes[at] ?? 0) - 48;
    if (digit < 0 || digit > 9) return value;
    value = value * 10 + digit;
  }
};

const ON = Buffer.from('"on":[');
const QUOTE = 0x22;
const END = 0x5d; // ]

/** The names in the `"on":[…]` of a frame about typing. */
export const typingIn = (bytes: Buffer, start: number, end: number): string[] => {
  const from = bytes.indexOf(ON, start) + ON.length;
  const to = bytes.indexOf(END, from);
  if (from < start + ON.length || to === -1 || to > end || bytes[from] !== QUOTE) return [];
  return bytes.toString('latin1', from + 1, to - 1).split('","');
};
