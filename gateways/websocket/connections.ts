import { randomUUID } from 'node:crypto';
import { closeCodes } from '../protocol.ts';
import { type Connection, type ConnectionDeps, createConnection } from './connection.ts';
import type { Transport } from './transport.ts';

/** Each connection has a slot of the wheel, and is asked whether it is still there when its slot comes round. */
const SLOTS = 30;
const TURN_MS = 1_000;
/** Every connection is looked at so often. */
const CHECK_TURNS = 5;
const CLOSE_MS = 2_000;
/** When a server stops, its clients come back over this time, and so many a second at most. */
const comeBack = { atLeastMs: 500, overMs: 2_500, perSecond: 1_000 } as const;

export type ConnectionLimits = { readonly total: number; readonly perAddress: number };

export type Connections = ReturnType<typeof createConnections>;

/** All connections, whatever they talk over: who may come in, who is still there, and how all leave. */
export const createConnections = (deps: ConnectionDeps, limits: ConnectionLimits, turnMs = TURN_MS) => {
  const slots = Array.from({ length: SLOTS }, () => new Set<Connection>());
  const addresses = new Map<string, number>();
  let count = 0;
  let opened = 0;
  let turn = 0;
  let draining = false;
  let onEmpty: () => void = () => undefined;

  const all = function* () {
    for (const slot of slots) yield* slot;
  };

  const wheel = setInterval(() => {
    turn += 1;
    const now = deps.now();
    slots.forEach((slot, index) => {
      const ahead = (index + turn) % SLOTS;
      if (ahead % CHECK_TURNS !== 0) return;
      for (const connection of slot) connection.check(now, ahead === 0);
    });
  }, turnMs);
  wheel.unref();

  return {
    count: () => count,

    /** Why nobody can come in from there now. */
    refuses(address: string): 'overloaded' | 'too_many_connections' | undefined {
      if (draining || count >= limits.total) return 'overloaded';
      return (addresses.get(address) ?? 0) >= limits.perAddress ? 'too_many_connections' : undefined;
    },

    /** The connection on this transport. The answer is to be called when the transport has ended. */
    open(transport: Transport): () => void {
      const { address } = transport;
      const slot = slots[opened % SLOTS] ?? new Set();
      const connection = createConnection(transport, randomUUID(), deps);
      opened += 1;
      count += 1;
      slot.add(connection);
      addresses.set(address, (addresses.get(address) ?? 0) + 1);
      return () => {
        if (!slot.delete(connection)) return;
        count -= 1;
        const left = (addresses.get(address) ?? 0) - 1;
        if (left > 0) addresses.set(address, left);
        else addresses.delete(address);
        if (count === 0) onEmpty();
      };
    },

    /** Ends the connections of a device that was signed out. */
    endDevice(deviceId: string) {
      for (const connection of all()) {
        if (connection.identity()?.deviceId === deviceId)
          connection.end(closeCodes.unauthorized, 'this device was signed out');
      }
    },

    /** Answers what was asked, tells every client when to come back, closes, and waits for the ends, two seconds at most. */
    async drain(): Promise<void> {
      draining = true;
      clearInterval(wheel);
      const overMs = Math.max(comeBack.overMs, (count / comeBack.perSecond) * 1_000);
      const step = overMs / Math.max(count, 1);
      let at: number = comeBack.atLeastMs;
      for (const connection of all()) {
        connection.leave('the server is restarting', Math.round(at + Math.random() * step));
        at += step;
      }
      if (count > 0) {
        await new Promise<void>((resolve) => {
          onEmpty = resolve;
          setTimeout(resolve, CLOSE_MS).unref();
        });
      }
      for (const connection of all()) connection.terminate();
    },
  };
};
