import { expect, test } from 'vitest';
import { createTestClock } from '../../infra/testing/clock.ts';
import { type StoredSession, createSession } from './session.ts';

const start = 1_700_000_000_000;
const person = { userId: 'u', username: 'u', displayName: 'U', role: 'member', createdAt: 0 } as const;
const session = (accessToken: string, accessTokenExpiresAt: number, refreshToken = 'r1') => ({
  user: person,
  deviceId: 'd',
  accessToken,
  accessTokenExpiresAt,
  refreshToken,
  refreshTokenExpiresAt: start + 1e9,
});
const jwt = (iat: number) => `x.${btoa(JSON.stringify({ iat: iat / 1000 }))}.y`;

/** Sessions of one store, as the tabs of a browser have; the test is the server. */
const open = (answers: (() => Response | Promise<Response>)[]) => {
  const clock = createTestClock(start);
  const asked: unknown[] = [];
  let stored: StoredSession | undefined;
  let ended: string | undefined;
  const create = () =>
    createSession({
      url: 'http://here',
      clock,
      fetch: async (_, init) => {
        asked.push(typeof init?.body === 'string' ? JSON.parse(init.body) : undefined);
        const answer = answers.shift();
        if (!answer) throw new Error('not asked for');
        return answer();
      },
      store: {
        get: () => stored,
        set: (next, because) => {
          stored = next;
          ended = because;
        },
      },
    });
  return { clock, asked, create, stored: () => stored, ended: () => ended };
};
const json = (body: unknown, status = 200) => Response.json(body, { status });

test('a token is good for as long as the server gave it, whatever its clock says', async () => {
  const { create, clock } = open([]);
  const access = create();
  const behind = start - 3_600_000;
  access.signedIn(session(jwt(behind), behind + 900_000));
  expect(access.freshFor?.()).toBe(900_000);
  clock.pass(800_000);
  expect(await access.token()).toBe(jwt(behind));
});

test('an old token is replaced once, however many ask for it', async () => {
  const fresh = session(jwt(start + 900_000), start + 1_800_000, 'r2');
  const { create, clock, asked } = open([() => json(fresh)]);
  const access = create();
  access.signedIn(session(jwt(start), start + 900_000));
  clock.pass(900_000);
  expect(await Promise.all([access.token(), access.token(), access.token()])).toEqual(
    Array.from({ length: 3 }, () => fresh.accessToken),
  );
  expect(asked).toEqual([{ refreshToken: 'r1' }]);
});

test('one that was refused is replaced, unless that has been done', async () => {
  const fresh = session(jwt(start + 1_000), start + 901_000, 'r2');
  const { create, asked } = open([() => json(fresh)]);
  const access = create();
  access.signedIn(session(jwt(start), start + 900_000));
  expect(await access.token(jwt(start))).toBe(fresh.accessToken);
  expect(await access.token(jwt(start))).toBe(fresh.accessToken);
  expect(asked).toHaveLength(1);
});

test('a session that the server ended is over; one that it did not answer for is not', async () => {
  const refused = () => json({ code: 'refresh_token_reused', message: 'used', retry: false }, 401);
  const away = () => json({ code: 'store_unavailable', message: 'away', retry: true }, 503);
  const { create, clock, stored, ended } = open([away, () => Promise.reject(new Error('offline')), refused]);
  const access = create();
  access.signedIn(session(jwt(start), start + 900_000));
  clock.pass(900_000);
  await expect(access.token()).rejects.toMatchObject({ retry: true });
  await expect(access.token()).rejects.toMatchObject({ retry: true });
  expect(stored()).toBeDefined();
  await expect(access.token()).rejects.toMatchObject({ retry: false, message: 'used' });
  expect([stored(), ended()]).toEqual([undefined, 'Your session has ended. Please sign in again.']);
  await expect(access.token()).rejects.toMatchObject({ retry: false });
});
