import { signal } from '@preact/signals';
import type { ErrorBody, Session } from '../protocol.ts';

const KEY = 'parlance.session';

/** `freshUntil` is in this computer's time, whose clock may differ from the server's. */
type Stored = Session & { readonly freshUntil: number };

const read = (): Stored | undefined => {
  try {
    return (JSON.parse(localStorage.getItem(KEY) ?? 'null') as Stored | null) ?? undefined;
  } catch {
    return undefined;
  }
};

export const session = signal<Stored | undefined>(read());

/** Why the sign-in page is shown again. */
export const endedBecause = signal<string | undefined>(undefined);

/** Other tabs share the session: what one of them changes, all see. */
globalThis.addEventListener('storage', ({ key }) => {
  if (key !== KEY && key !== null) return;
  const next = read();
  if (next && session.value && next.user.userId !== session.value.user.userId) location.reload();
  session.value = next;
});

export const signedIn = (next: Session): void => {
  const lifetime = next.accessTokenExpiresAt - issuedAt(next.accessToken);
  const stored = { ...next, freshUntil: Date.now() + lifetime };
  localStorage.setItem(KEY, JSON.stringify(stored));
  endedBecause.value = undefined;
  session.value = stored;
};

export const signedOut = (reason?: string): void => {
  localStorage.removeItem(KEY);
  endedBecause.value = reason;
  session.value = undefined;
};

const issuedAt = (token: string): number => {
  try {
    const payload = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const { iat } = JSON.parse(atob(payload)) as { iat?: number };
    return typeof iat === 'number' ? iat * 1000 : Date.now();
  } catch {
    return Date.now();
  }
};

/** The session is over, or the server can't be reached (then `retry`). */
export class NoSession extends Error {
  readonly retry: boolean;
  constructor(message: string, retry: boolean) {
    super(message);
    this.retry = retry;
  }
}

const EARLY = 60_000;

/** An access token good for a while; `instead` of one that the server refused. Throws NoSession. */
export const accessToken = async (instead?: string): Promise<string> => {
  const usable = () => {
    const current = session.value;
    if (!current) throw new NoSession('signed out', false);
    return current.accessToken !== instead && Date.now() < current.freshUntil - EARLY
      ? current.accessToken
      : undefined;
  };
  return (
    usable() ??
    (await alone(async () => {
      session.value = read();
      return usable() ?? (await refresh());
    }))
  );
};

/** A refresh token is for one use: only one tab at a time may use it. Without locks (plain http), at least this tab. */
const alone = async (work: () => Promise<string>): Promise<string> => {
  if ('locks' in navigator) return navigator.locks.request(KEY, work);
  inThisTab = inThisTab.then(work, work);
  return inThisTab;
};
let inThisTab: Promise<string> = Promise.resolve('');

const refresh = async (): Promise<string> => {
  const body = JSON.stringify({ refreshToken: session.value?.refreshToken });
  const headers = { 'Content-Type': 'application/json' };
  const request = { method: 'POST', body, headers, signal: AbortSignal.timeout(20_000) };
  const response = await fetch('/v1/sessions/refresh', request).catch(() => undefined);
  if (response?.ok) {
    const next = (await response.json()) as Session;
    signedIn(next);
    return next.accessToken;
  }
  if (response?.status === 401 || response?.status === 403 || response?.status === 400) {
    const { message } = (await response.json().catch(() => ({ message: 'the session ended' }))) as ErrorBody;
    signedOut('Your session has ended. Please sign in again.');
    throw new NoSession(message, false);
  }
  throw new NoSession('the server can’t be reached', true);
};
