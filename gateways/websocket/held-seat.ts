import type { Frame } from './frame.ts';
import type { Seat } from './rooms.ts';

/** What happens while a socket is told what it missed is kept for it within these bounds. */
export const heldLimits: { readonly frames: number; readonly bytes: number } = {
  frames: 4_000,
  bytes: 1024 * 1024,
};

/** A seat that holds back what is delivered to it, until it is released. */
export type HeldSeat = {
  readonly seat: Seat;
  /** From now on what happens in passing goes through: it is neither numbered nor in the log. */
  welcome(): void;
  /** Whether everything since the last `again` is held; more than the bounds was dropped, all of it. */
  isWhole(): boolean;
  /** Holds anew, from now on. */
  again(): void;
  /** Writes what was held, and from now on everything at once. */
  release(): void;
  readonly live: boolean;
};

export const createHeldSeat = (
  who: Pick<Seat, 'userId' | 'deviceId'>,
  write: (frame: Frame) => void,
  limits = heldLimits,
): HeldSeat => {
  let held: Frame[] = [];
  let bytes = 0;
  let whole = true;
  let welcomed = false;
  let live = false;

  const hold = (frame: Frame) => {
    bytes += frame.json().length;
    if (whole && held.length < limits.frames && bytes <= limits.bytes) return void held.push(frame);
    whole = false;
    held = [];
  };

  return {
    seat: {
      userId: who.userId,
      deviceId: who.deviceId,
      send: (frame) => {
        if (live) write(frame);
        else if (isLogged(frame)) hold(frame);
        else if (welcomed) write(frame);
      },
    },
    welcome() {
      welcomed = true;
    },
    isWhole: () => whole,
    again() {
      held = [];
      bytes = 0;
      whole = true;
    },
    release() {
      live = true;
      for (const frame of held) write(frame);
      held = [];
    },
    get live() {
      return live;
    },
  };
};

/** Comes from the log, so that it must neither be lost nor overtaken. */
const isLogged = ({ value: { type } }: Frame): boolean =>
  type === 'events' || type === 'receipts' || type === 'marked';
