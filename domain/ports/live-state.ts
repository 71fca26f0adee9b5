import type { UserId } from '../id.ts';
import type { Rate } from '../rate.ts';
import type { Json } from './tables.ts';

/** One connection of a person, as all gateways see it. `away`: open, but nobody is at it. */
export type LiveSocket = {
  readonly connectionId: string;
  readonly userId: UserId;
  readonly deviceId: string;
  readonly gatewayId: string;
  readonly state: 'online' | 'away';
};

export type Listener = (message: Json, channel: string) => void;

/** How long a gateway's sockets outlive its last sign of life. */
export const LEASE_MS = 30_000;

/**
 * What is true at the moment and need not outlive it: who is connected where, what people say in passing, and how much
 * was asked for lately. If all of it is lost, it has come again after a lease.
 *
 * - LS1  A socket is among `sockets` of its person from `connect` until `disconnect`, whichever gateway asks. `sockets`
 *        answers in the order of the people asked for, with none for whoever has none.
 * - LS2  `connect` again with the same connectionId replaces the socket (another state); `disconnect` of one that is not
 *        there does nothing.
 * - LS3  `connect` and `refresh` renew the lease of a gateway. When it has lapsed, all sockets of that gateway are gone.
 * - LS4  `refresh` answers whether the lease still held. If not, the gateway must connect its sockets anew.
 * - LS5  `publish` reaches all whose `subscribe` to the channel has resolved, in every gateway, its own too: at most once,
 *        and what one publisher says on one channel in its order. Nobody gets what was published before. A listener must
 *        neither change a message nor throw; one that throws anyway hurts nobody else.
 * - LS6  Once the answer of `subscribe` was called, its listener hears nothing more. Subscribing twice is hearing twice.
 * - LS7  `take` takes one out of a bucket of `burst`, which fills by `perSecond`: 0, or how many ms (a whole number, more than
 *        0) until there is one again; then nothing was taken. No more than `burst` + `perSecond` × time ever gets through.
 * - LS8  A bucket that has been left alone until it was full is forgotten.
 * - LS9  What can be answered from memory is answered at once, without a promise.
 * - LS10 When it can't answer it throws `LiveStateUnavailable`.
 *
 * On Redis, one key for each answer, so that a cluster can spread them: `person:<userId>` a hash of connectionId → socket,
 * `gateway:<gatewayId>` with the lease as its expiry (a socket whose gateway has no key is passed over and removed),
 * `bucket:<name>` the time when it will be full, which is also its expiry; sharded channels.
 */
export interface LiveState extends AsyncDisposable {
  /** Of one gateway, or of several. */
  connect(sockets: readonly LiveSocket[]): Promise<void>;
  disconnect(sockets: readonly LiveSocket[]): Promise<void>;
  refresh(gatewayId: string): Promise<boolean>;
  sockets(userIds: readonly UserId[]): Promise<readonly (readonly LiveSocket[])[]>;
  publish(channel: string, message: Json): void | Promise<void>;
  subscribe(channel: string, listener: Listener): Promise<() => void>;
  take(bucket: string, rate: Rate): number | Promise<number>;
}

/** What a person is by their sockets: online if they are at any, away if they left them open, else offline. */
export const presenceOf = (sockets: readonly LiveSocket[]): 'online' | 'away' | 'offline' => {
  if (sockets.length === 0) return 'offline';
  return sockets.some(({ state }) => state === 'online') ? 'online' : 'away';
};

export class LiveStateUnavailable extends Error {
  readonly code = 'live_state_unavailable';
}
