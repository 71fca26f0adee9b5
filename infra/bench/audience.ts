/** Who says message number `which`, and who reads it and is watched. People are known by their number. */
export type Audience = {
  readonly people: number;
  /** How many people read a message and tell when it came. */
  readonly readers: number;
  readonly senderOf: (which: number) => number;
  /** Which of the readers of a message somebody is; -1 if they are none. */
  readonly readerOf: (person: number, which: number) => number;
};

export const audiences = ['pairs', 'group'] as const;
export type AudienceName = (typeof audiences)[number];

/** In a group, so many read everything; the others only count bytes, or the loader would be slower than the server. */
export const WITNESSES = 20;

/** Pairs are 2p and 2p + 1; they take turns. */
const pairs = (people: number): Audience => {
  const count = people / 2;
  const senderOf = (which: number) => 2 * (which % count) + (Math.floor(which / count) & 1);
  return {
    people,
    readers: 1,
    senderOf,
    // Parlance tells the sender's devices too.
    readerOf: (person, which) => (senderOf(which) === person ? -1 : 0),
  };
};

/** Anybody writes, in no order that means anything. Servers write to members in order: the witnesses are spread over all, to the last. */
const group = (people: number): Audience => {
  const every = Math.max(1, Math.floor(people / WITNESSES));
  const readers = Math.floor(people / every);
  return {
    people,
    readers,
    senderOf: (which) => (Math.imul(which + 1, 0x9e3779b1) >>> 0) % people,
    readerOf: (person) => (person % every === every - 1 ? (person - every + 1) / every : -1),
  };
};

export const audienceOf = (name: AudienceName, people: number): Audience =>
  name === 'pairs' ? pairs(people) : group(people);
