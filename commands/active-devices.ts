import { LRUCache } from 'lru-cache';
import type { UserId } from '../domain/id.ts';
import type { Sessions } from '../domain/ports/directory.ts';

const MAX = 20_000;
const FRESH_MS = 30_000;

/**
 * Which devices are signed in, asked at every use of an access token and therefore remembered for 30 seconds. What is
 * revoked here is known here at once; what another process revoked, when the memory is renewed.
 */
export class ActiveDevices {
  readonly #sessions: Sessions;
  readonly #now: () => number;
  readonly #known = new LRUCache<string, { readonly owner: UserId | undefined; readonly at: number }>({
    max: MAX,
  });
  readonly #listeners = new Set<(deviceId: string) => void>();

  constructor(sessions: Sessions, now: () => number) {
    this.#sessions = sessions;
    this.#now = now;
  }

  /** Whose device it is; undefined if it is revoked or unknown. */
  async ownerOf(deviceId: string): Promise<UserId | undefined> {
    const known = this.#known.get(deviceId);
    if (known && this.#now() - known.at < FRESH_MS) return known.owner;
    const owner = (await this.#sessions.active(deviceId))?.userId;
    const meanwhile = this.#known.get(deviceId);
    if (meanwhile && meanwhile !== known) return meanwhile.owner; // it may have been revoked since the answer was read
    this.#known.set(deviceId, { owner, at: this.#now() });
    return owner;
  }

  async revoke(deviceId: string): Promise<void> {
    await this.#sessions.revoke(deviceId);
    this.wasRevoked(deviceId);
  }

  /** The directory has revoked it already. */
  wasRevoked(deviceId: string): void {
    this.#known.set(deviceId, { owner: undefined, at: this.#now() });
    for (const listener of this.#listeners) listener(deviceId);
  }

  /** Calls `listener` (which must not throw) with each device revoked in this process, until the result is called. */
  onRevoked(listener: (deviceId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }
}
