import { verify } from '@node-rs/argon2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { codeOf, granted, testAccounts } from '../infra/testing/accounts.ts';
import type { Accounts } from './accounts.ts';
import { addUser } from './add-user.ts';
import { Passwords } from './passwords.ts';
import { signIn } from './sign-in.ts';

const password = 'correct horse';
let accounts: Accounts;
let clock: { now: number };
let close: () => Promise<void>;

beforeEach(async () => {
  ({ accounts, clock, close } = await testAccounts());
  granted(await addUser(accounts, { username: 'ada', password }));
  granted(await addUser(accounts, { username: 'bea', password }));
});
afterEach(() => close());

const attempt = (username: string, given: string, address?: string) =>
  signIn(accounts, { username, password: given, address });

describe('signing in', () => {
  it('opens a session on a device of its own each time', async () => {
    const [first, second] = [
      granted(await attempt('ada', password)),
      granted(await attempt('ADA', password)),
    ];
    expect(first.deviceId).not.toBe(second.deviceId);
    expect(await accounts.directory.sessions.list(first.user.userId)).toHaveLength(2);
  });

  it('says the same about a wrong password, an unknown name and hostile input', async () => {
    for (const [username, given] of [
      ['ada', 'wrong'],
      ['nobody', password],
      ["ada' or 1=1 --", password],
      ['ada\0', password],
      ['', ''],
      ['x'.repeat(10_000), 'y'.repeat(10_000)],
    ] as const) {
      expect(await attempt(username, given)).toEqual({
        rejected: 'wrong_credentials',
        detail: 'the username or the password is wrong',
      });
    }
  });

  it('takes a password however its letters are composed', async () => {
    granted(await addUser(accounts, { username: 'cleo', password: 'caf\u00e9 noir' }));
    expect(codeOf(await attempt('cleo', 'cafe\u0301 noir'))).toBe('granted');
  });

  it('refuses after ten failures of a name, also when they come at once, until the time is over', async () => {
    const answers = await Promise.all(Array.from({ length: 30 }, (_, n) => attempt('ada', `guess ${n}`)));
    expect(answers.filter((answer) => codeOf(answer) === 'wrong_credentials')).toHaveLength(10);
    clock.now += 60_000;
    expect(await attempt('Ada', password)).toMatchObject({
      rejected: 'too_many_attempts',
      retryAfterMs: 14 * 60_000,
    });
    granted(await attempt('bea', password));
    clock.now += 14 * 60_000;
    granted(await attempt('ada', password));
  });

  it('refuses after ten failures of an address, which an own account does not reset', async () => {
    for (let n = 0; n < 9; n += 1) await attempt(`guess${n}`, password, '192.0.2.1');
    granted(await attempt('bea', password, '192.0.2.1'));
    expect(codeOf(await attempt('ada', 'wrong', '192.0.2.1'))).toBe('wrong_credentials');
    expect(codeOf(await attempt('bea', password, '192.0.2.1'))).toBe('too_many_attempts');
    granted(await attempt('bea', password, '192.0.2.2'));
  });

  it('forgets a person’s failures once they sign in', async () => {
    for (let n = 0; n < 30; n += 1) {
      expect(codeOf(await attempt('ada', n % 10 === 9 ? password : 'wrong'))).toBe(
        n % 10 === 9 ? 'granted' : 'wrong_credentials',
      );
    }
  });
});

describe('passwords', () => {
  it('are hashed by argon2id with 19 MiB in two passes', async () => {
    const passwords = new Passwords();
    const hashed = (await passwords.hash(password)) ?? '';
    expect(hashed).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await verify(hashed, password)).toBe(true);
    expect(await passwords.verify(hashed, password)).toBe(true);
    expect(await passwords.verify(hashed, 'other')).toBe(false);
  });

  it('take as long for nobody as for somebody', async () => {
    const passwords = new Passwords();
    const hashed = await passwords.hash(password);
    const time = async (against: string | undefined) => {
      const times: number[] = [];
      for (let n = 0; n < 7; n += 1) {
        const start = performance.now();
        expect(await passwords.verify(against, 'wrong')).toBe(false);
        times.push(performance.now() - start);
      }
      return Math.min(...times);
    };
    const [somebody, nobody] = [await time(hashed), await time(undefined)];
    expect(nobody / somebody).toBeGreaterThan(0.4);
    expect(nobody / somebody).toBeLessThan(2.5);
  });
});
