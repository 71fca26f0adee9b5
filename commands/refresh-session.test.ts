import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { codeOf, granted, testAccounts } from '../infra/testing/accounts.ts';
import type { Accounts } from './accounts.ts';
import { addUser } from './add-user.ts';
import type { Session } from './open-session.ts';
import { refreshSession } from './refresh-session.ts';
import { signIn } from './sign-in.ts';
import { signOut } from './sign-out.ts';

const DAY = 86_400_000;
const password = 'correct horse';
let accounts: Accounts;
let clock: { now: number };
let close: () => Promise<void>;
let revoked: string[];

beforeEach(async () => {
  ({ accounts, clock, close } = await testAccounts());
  for (const username of ['ada', 'bea']) granted(await addUser(accounts, { username, password }));
  revoked = [];
  accounts.devices.onRevoked((deviceId) => revoked.push(deviceId));
});
afterEach(() => close());

const enter = async (username = 'ada'): Promise<Session> =>
  granted(await signIn(accounts, { username, password }));
const refresh = (refreshToken: string) => refreshSession(accounts, { refreshToken });
const access = async (session: Session) => codeOf(await accounts.tokens.verify(session.accessToken));

describe('refreshing a session', () => {
  it('gives new tokens for the same device, for 30 days from each refresh', async () => {
    let session = await enter();
    const { deviceId } = session;
    for (let month = 0; month < 4; month += 1) {
      clock.now += 29 * DAY;
      const next = granted(await refresh(session.refreshToken));
      expect(next).toMatchObject({
        deviceId,
        user: session.user,
        refreshTokenExpiresAt: clock.now + 30 * DAY,
      });
      expect(await access(next)).toBe('granted');
      session = next;
    }
    clock.now += 30 * DAY + 1;
    expect(codeOf(await refresh(session.refreshToken))).toBe('refresh_token_expired');
  });

  it('ends the device at once when a token comes back, access tokens and newest refresh token included', async () => {
    const first = await enter();
    const other = await enter();
    const second = granted(await refresh(first.refreshToken));
    expect([await access(first), await access(second)]).toEqual(['granted', 'granted']);
    expect(codeOf(await refresh(first.refreshToken))).toBe('refresh_token_reused');
    expect([await access(first), await access(second)]).toEqual(['session_revoked', 'session_revoked']);
    expect(codeOf(await refresh(second.refreshToken))).toBe('session_revoked');
    expect(revoked).toEqual([first.deviceId]);
    expect(await access(other)).toBe('granted');
  });

  it('lets exactly one of many refreshes with the same token through and then ends the family', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 12 }), fc.nat(3), async (callers, before) => {
        let session = await enter();
        for (let n = 0; n < before; n += 1) session = granted(await refresh(session.refreshToken));
        const answers = await Promise.all(
          Array.from({ length: callers }, () => refresh(session.refreshToken)),
        );
        const won = answers.filter((answer) => 'refreshToken' in answer);
        expect(won).toHaveLength(1);
        expect(answers.map(codeOf)).toContain('refresh_token_reused');
        for (const { refreshToken } of won)
          expect(codeOf(await refresh(refreshToken))).toBe('session_revoked');
        expect(await access(session)).toBe('session_revoked');
      }),
      { numRuns: 20 },
    );
  });

  it('knows no other tokens', async () => {
    for (const token of ['', 'prt_', 'x'.repeat(10_000), "' or 1=1 --", '\0', `prt_${'A'.repeat(43)}`]) {
      expect(codeOf(await refresh(token))).toBe('refresh_token_unknown');
    }
  });
});

describe('signing out', () => {
  it('ends one of the person’s own devices at once, and tells who listens', async () => {
    const [phone, laptop] = [await enter(), await enter()];
    expect([await access(phone), await access(laptop)]).toEqual(['granted', 'granted']);
    granted(await signOut(accounts, { by: phone.user.userId, deviceId: laptop.deviceId }));
    expect([await access(phone), await access(laptop)]).toEqual(['granted', 'session_revoked']);
    expect(codeOf(await refresh(laptop.refreshToken))).toBe('session_revoked');
    expect(revoked).toEqual([laptop.deviceId]);
  });

  it('finds no device of somebody else, nor one that is signed out', async () => {
    const [ada, bea] = [await enter('ada'), await enter('bea')];
    expect(codeOf(await signOut(accounts, { by: bea.user.userId, deviceId: ada.deviceId }))).toBe(
      'device_not_found',
    );
    expect(await access(ada)).toBe('granted');
    granted(await signOut(accounts, { by: ada.user.userId, deviceId: ada.deviceId }));
    expect(codeOf(await signOut(accounts, { by: ada.user.userId, deviceId: ada.deviceId }))).toBe(
      'device_not_found',
    );
    expect(codeOf(await signOut(accounts, { by: ada.user.userId, deviceId: "'; --" }))).toBe(
      'device_not_found',
    );
  });

  it('is not undone by an answer about the device that was on its way', async () => {
    const session = await enter();
    for (let n = 0; n < 20; n += 1) {
      const [, , verified] = await Promise.all([
        accounts.devices.ownerOf(session.deviceId),
        accounts.devices.revoke(session.deviceId),
        accounts.devices.ownerOf(session.deviceId),
      ]);
      expect([undefined, session.user.userId]).toContain(verified);
      expect(await access(session)).toBe('session_revoked');
    }
  });

  it('is noticed within half a minute when another process did it', async () => {
    const session = await enter();
    expect(await access(session)).toBe('granted');
    await accounts.directory.sessions.revoke(session.deviceId);
    clock.now += 30_000;
    expect(await access(session)).toBe('session_revoked');
  });
});
