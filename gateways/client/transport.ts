import type { ClientFrame, ServerFrame } from '../protocol.ts';

/** What a connection tells, later than `open` returns. Nothing after `closed`, which comes once. */
export type LineHandlers = {
  readonly opened: () => void;
  readonly receive: (frame: ServerFrame) => void;
  /** `code` as of a WebSocket; 1006 when nobody said why. */
  readonly closed: (code: number, reason: string) => void;
};

/** One connection. `close` does not wait for the other side, which may be gone; nothing is told after it. */
export type Line = { readonly send: (frame: ClientFrame) => void; readonly close: () => void };

/** A way to connect. Tests put themselves in between: a transport around a transport may lose what it likes. */
export type Transport = {
  readonly name: 'websocket' | 'polling';
  open(handlers: LineHandlers): Line;
};
