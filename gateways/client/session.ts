import type { ErrorBody, Session } from '../protocol.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Access } from './options.ts';
import { times } from './times.ts';

/** `freshUntil` is in this computer's time, whose clock may differ from the server's. */
export type StoredSession = Session & { readonly freshUntil: number };

/** Where the session is kept, maybe for several clients (the tabs of a browser). */
export type SessionStore = {
  get(): StoredSession | undefined;
  /** Looks again: another client may have changed it. */
  reload?(): void;
  /** Undefined: signed out, `because`, if not on purpose. */
  set(session: StoredSession | undefined, because?: string): void;
};

/** The session is over, or the server can't be reached (then `retry`). */
export class NoSession extends Error {
  readonly retry: boolean;
  constructor(message: string, retry: boolean) {
    super(message);
    this.retry = retry;
  }
}

type Options = {
  readonly url: string;
  readonly store: SessionStore;
  readonly fetch?: typeof globalThis.fetch;
  readonly clock?: Clock;
};

const EARLY = 60_000;
const ENDED = 'Your session has ended. Please sign in again.';
const LOCK = 'parlance.session';

type Locks = { request(name: string, work: () => Promise<string>): Promise<string> };

/** Keeps an access token fresh; the clients of one store don't renew it at the same moment. */
export const createSession = ({ url, store, clock = systemClock, ...options }: Options) => {
  const { fetch = globalThis.fetch } = options;
  let last: Promise<string> = Promise.resolve('');

  /** A refresh token is for one use: only one tab at a time may use it. Without locks (plain http), at least this one. */
  const alone = (work: () => Promise<string>): Promise<string> => {
    const { navigator } = globalThis as { navigator?: { locks?: Locks } };
    if (navigator?.locks) return navigator.locks.request(LOCK, work);
    last = last.then(work, work);
    return last;
  };

  const usable = (instead?: string): string | undefined => {
    const current = store.get();
    if (!current) throw new NoSession('You are signed out.', false);
    const fresh = clock.now() < current.freshUntil - EARLY;
    return fresh && current.accessToken !== instead ? current.accessToken : undefined;
  };

  const signedIn = (next: Session): void => {
    const lifetime = next.accessTokenExpiresAt - issuedAt(next.accessToken, clock.now());
    store.set({ ...next, freshUntil: clock.now() + lifetime });
  };

  const refresh = async (): Promise<string> => {
    const request = {
      method: 'POST',
      body: JSON.stringify({ refreshToken: store.get()?.refreshToken }),
      headers: { 'Content-Type': 'application/json' },
      signal: AbortSignal.timeout(times.request),
    };
    const response = await fetch(`${url}/v1/sessions/refresh`, request).catch(() => undefined);
    if (response?.ok) {
      const next = (await response.json()) as Session;
      signedIn(next);
      return next.accessToken;
    }
    if (response && [400, 401, 403].includes(response.status)) {
      const { message } = (await response.json().catch(() => ({ message: ENDED }))) as ErrorBody;
      store.set(undefined, ENDED);
      throw new NoSession(message, false);
    }
    throw new NoSession('The server can’t be reached.', true);
  };

  const access: Access = {
    token: async (instead) =>
      usable(instead) ??
      (await alone(async () => {
        store.reload?.();
        return usable(instead) ?? (await refresh());
      })),
    freshFor: () => (store.get()?.freshUntil ?? 0) - clock.now(),
    ended: () => store.set(undefined, ENDED),
  };
  return { ...access, signedIn };
};

const issuedAt = (token: string, now: number): number => {
  try {
    const payload = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const { iat } = JSON.parse(atob(payload)) as { iat?: number };
    return typeof iat === 'number' ? iat * 1000 : now;
  } catch {
    return now;
  }
};
