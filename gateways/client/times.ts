/** Waits, in ms. */
export const times = {
  /** Before another connection: any part of the first, doubled to the most. */
  backoffFirst: 500,
  backoffMost: 30_000,
  /** From the beginning of a connection to its welcome. */
  welcome: 15_000,
  /** A connection that lasted so long was a good one. */
  steady: 10_000,
  /** After so much silence the other side is asked whether it is there. */
  ping: 25_000,
  /** How long it may think about that. */
  pong: 10_000,
  /** How long polling goes on before WebSocket is tried again. */
  polling: 5 * 60_000,
  /** A request over HTTP; a poll is answered after 25 s at the latest. */
  request: 20_000,
  poll: 40_000,
  /** For the answer to a command, of the time with a connection. */
  answer: 20_000,
  /** Before a command that was refused for now is said again, as above. */
  retryFirst: 1_000,
  retryMost: 30_000,
  /** A message that could not be sent for so long has failed. */
  messageAge: 7 * 24 * 3_600_000,
  /** Marks are gathered for so long, and said again when they don’t come back. */
  marks: 500,
  marksAgain: 10_000,
  /** Typing is said so often, has stopped after so long without a key, and is over after so long without a word of it. */
  typingOn: 3_000,
  typingOff: 4_000,
  typingOver: 6_000,
  /** A draft is said after so long without a change, and again when it does not come back. */
  draft: 800,
  draftAgain: 10_000,
};
export type Times = typeof times;
