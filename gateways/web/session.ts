import { signal } from '@preact/signals';
import { createApi } from '../client/api.ts';
import { type StoredSession, createSession } from '../client/session.ts';

const KEY = 'parlance.session';

const read = (): StoredSession | undefined => {
  try {
    return (JSON.parse(localStorage.getItem(KEY) ?? 'null') as StoredSession | null) ?? undefined;
  } catch {
    return undefined;
  }
};

export const session = signal<StoredSession | undefined>(read());

/** Why the sign-in page is shown again. */
export const endedBecause = signal<string | undefined>(undefined);

/** Other tabs share the session: what one of them changes, all see. */
globalThis.addEventListener('storage', ({ key }) => {
  if (key !== KEY && key !== null) return;
  const next = read();
  if (next && session.value && next.user.userId !== session.value.user.userId) location.reload();
  session.value = next;
});

const put = (next: StoredSession | undefined, because?: string): void => {
  if (next) localStorage.setItem(KEY, JSON.stringify(next));
  else localStorage.removeItem(KEY);
  endedBecause.value = because;
  session.value = next;
};

export const access = createSession({
  url: location.origin,
  store: {
    get: () => session.peek(),
    reload: () => {
      session.value = read();
    },
    set: put,
  },
});

export const { signedIn } = access;
export const signedOut = (): void => put(undefined);

export const api = createApi({ url: location.origin, access });
