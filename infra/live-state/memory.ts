import type { UserId } from '../../domain/id.ts';
import {
  LEASE_MS,
  type Listener,
  type LiveSocket,
  type LiveState,
  LiveStateUnavailable,
} from '../../domain/ports/live-state.ts';
import type { Json } from '../../domain/ports/tables.ts';
import { type Rate, fullAfter, waitFor } from '../../domain/rate.ts';

/** Buckets are looked through for full ones so often. */
const SWEEP_MS = 10_000;
const NONE: readonly LiveSocket[] = [];

export type MemoryOptions = {
  /** A clock in ms that never goes back. */
  readonly now?: () => number;
  /** What a listener threw. */
  readonly onError?: (error: unknown) => void;
};

/**
 * Live state of one process. People: userId → their sockets. Leases: gatewayId → until when. Channels: name → who listens.
 * Buckets: name → when it will be full (see domain/rate.ts).
 */
export class MemoryLiveState implements LiveState {
  readonly #now: () => number;
  readonly #onError: (error: unknown) => void;
  readonly #people = new Map<UserId, readonly LiveSocket[]>();
  readonly #leases = new Map<string, number>();
  readonly #channels = new Map<string, readonly { readonly listener: Listener }[]>();
  readonly #buckets = new Map<string, number>();
  #sweptAt: number;
  #closed = false;

  constructor({ now = () => performance.now(), onError = () => undefined }: MemoryOptions = {}) {
    this.#now = now;
    this.#onError = onError;
    this.#sweptAt = now();
  }

  async connect(sockets: readonly LiveSocket[]): Promise<void> {
    this.#open();
    const until = this.#now() + LEASE_MS;
    for (const socket of sockets) {
      if (this.#lapsed(socket.gatewayId)) this.#forget(socket.gatewayId);
      this.#leases.set(socket.gatewayId, until);
      this.#people.set(socket.userId, [...this.#others(socket), socket]);
    }
  }

  async disconnect(sockets: readonly LiveSocket[]): Promise<void> {
    this.#open();
    for (const socket of sockets) {
      const others = this.#others(socket);
      if (others.length > 0) this.#people.set(socket.userId, others);
      else this.#people.delete(socket.userId);
    }
  }

  async refresh(gatewayId: string): Promise<boolean> {
    this.#open();
    for (const known of this.#leases.keys()) if (this.#lapsed(known)) this.#forget(known);
    const held = this.#leases.has(gatewayId);
    this.#leases.set(gatewayId, this.#now() + LEASE_MS);
    return held;
  }

  async sockets(userIds: readonly UserId[]): Promise<readonly (readonly LiveSocket[])[]> {
    this.#open();
    return userIds.map((userId) => {
      const sockets = this.#people.get(userId) ?? NONE;
      return sockets.some(({ gatewayId }) => this.#lapsed(gatewayId))
        ? sockets.filter(({ gatewayId }) => !this.#lapsed(gatewayId))
        : sockets;
    });
  }

  publish(channel: string, message: Json): void {
    this.#open();
    for (const { listener } of this.#channels.get(channel) ?? []) {
      try {
        listener(message, channel);
      } catch (error) {
        this.#onError(error);
      }
    }
  }

  async subscribe(channel: string, listener: Listener): Promise<() => void> {
    this.#open();
    const mine = { listener };
    this.#channels.set(channel, [...(this.#channels.get(channel) ?? []), mine]);
    return () => {
      // Whoever is being told at this moment goes through the list of before.
      mine.listener = () => undefined;
      const others = (this.#channels.get(channel) ?? []).filter((one) => one !== mine);
      if (others.length > 0) this.#channels.set(channel, others);
      else this.#channels.delete(channel);
    };
  }

  take(bucket: string, rate: Rate): number {
    this.#open();
    const now = this.#now();
    if (now - this.#sweptAt > SWEEP_MS) this.#sweep(now);
    const fullAt = this.#buckets.get(bucket) ?? now;
    const wait = waitFor(fullAt, now, rate);
    if (wait > 0) return Math.ceil(wait);
    this.#buckets.set(bucket, fullAfter(fullAt, now, rate));
    return 0;
  }

  /** What it holds, for tests of its bounds. */
  get size() {
    return { people: this.#people.size, buckets: this.#buckets.size, channels: this.#channels.size };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const map of [this.#people, this.#leases, this.#channels, this.#buckets]) map.clear();
  }

  #open(): void {
    if (this.#closed) throw new LiveStateUnavailable('the live state is closed');
  }

  #others({ userId, connectionId }: LiveSocket): readonly LiveSocket[] {
    return this.#people.get(userId)?.filter((one) => one.connectionId !== connectionId) ?? NONE;
  }

  #lapsed(gatewayId: string): boolean {
    return (this.#leases.get(gatewayId) ?? 0) <= this.#now();
  }

  #forget(gatewayId: string): void {
    if (!this.#leases.delete(gatewayId)) return;
    for (const [userId, sockets] of this.#people) {
      const left = sockets.filter((one) => one.gatewayId !== gatewayId);
      if (left.length === 0) this.#people.delete(userId);
      else if (left.length < sockets.length) this.#people.set(userId, left);
    }
  }

  #sweep(now: number): void {
    this.#sweptAt = now;
    for (const [name, fullAt] of this.#buckets) if (fullAt <= now) this.#buckets.delete(name);
  }
}
