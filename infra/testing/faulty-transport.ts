import type { Transport } from '../../gateways/client/transport.ts';
import type { Random } from './random.ts';

/** What goes wrong with a device's connections, from outside. */
export type Faults = {
  /** How often a connection breaks by itself, at a moment of its own: 0 to 1. */
  rate: number;
  /** Breaks the connection of now, without a word to the other side. */
  cut(): void;
  /** Nothing goes through any more, and nobody is told. */
  stall(): void;
  readonly drops: number;
};

type Moment =
  | 'before it opens'
  | 'when it opens'
  | 'after a frame went'
  | 'before a frame comes'
  | 'after a frame came';
const moments: readonly Moment[] = [
  'before it opens',
  'when it opens',
  'after a frame went',
  'before a frame comes',
  'after a frame came',
];

/** Transports that lose what they like, each connection at a moment of the seed's choice. */
export const faulty = <T extends readonly Transport[]>(
  transports: T,
  random: Random,
): { transports: T; faults: Faults } => {
  let breakNow: (() => void) | undefined;
  let stallNow: (() => void) | undefined;
  let drops = 0;
  const faults: Faults & { drops: number } = {
    rate: 0,
    cut: () => breakNow?.(),
    stall: () => stallNow?.(),
    get drops() {
      return drops;
    },
  };

  const wrap = (transport: Transport): Transport => ({
    name: transport.name,
    open(handlers) {
      const breaks = random.chance(faults.rate);
      const moment = breaks ? random.pick(moments) : undefined;
      let left = random.chance(0.5) ? random.between(1, 4) : random.between(1, 40);
      let over = false;
      let stalled = false;
      const broken = () => {
        if (over) return;
        over = true;
        drops += 1;
        line.close();
        handlers.closed(1006, 'cut');
      };
      const passes = (at: Moment): boolean => {
        if (over || stalled) return false;
        if (moment !== at || (left -= 1) > 0) return true;
        queueMicrotask(broken);
        return at !== 'before a frame comes';
      };
      if (moment === 'before it opens') left = 1;
      const line = transport.open({
        opened: () => {
          if (over || stalled) return;
          if (moment === 'before it opens') return broken();
          handlers.opened();
          if (moment === 'when it opens') broken();
        },
        receive: (frame) => {
          if (!passes('before a frame comes')) return;
          handlers.receive(frame);
          passes('after a frame came');
        },
        closed: (code, reason) => {
          if (over || stalled) return;
          over = true;
          handlers.closed(code, reason);
        },
      });
      breakNow = broken;
      stallNow = () => {
        if (!over) drops += 1;
        stalled = true;
      };
      return {
        send: (frame) => {
          if (over || stalled) return;
          line.send(frame);
          passes('after a frame went');
        },
        close: () => {
          over = true;
          line.close();
        },
      };
    },
  });
  return { transports: transports.map(wrap) as unknown as T, faults };
};
