import type { Frame } from './frame.ts';

/** What a connection talks over. */
export type Transport = {
  readonly open: boolean;
  /** Bytes that the reader has not taken yet. */
  readonly unread: number;
  /** The address of the other side, for limits. */
  readonly address: string;
  /** Written at the end of this turn of the event loop, together with what else is to be. */
  send(frame: Frame): void;
  /** Writes what waits and closes in order; ends by itself when the other side does not answer in time. */
  close(code: number, reason: string): void;
  terminate(): void;
  /** Asks whether the other side is still there; the answer is `alive`. */
  beat(): void;
  /** Set once, by the connection. */
  handlers: TransportHandlers;
};

/** `receive` gets the decoded value, or undefined for what can’t be decoded. Nothing is received after `close`. */
export type TransportHandlers = {
  receive(value: unknown): void;
  alive(): void;
  /** Once, at the end. */
  closed(): void;
};

export const unattended: TransportHandlers = {
  receive: () => undefined,
  alive: () => undefined,
  closed: () => undefined,
};
