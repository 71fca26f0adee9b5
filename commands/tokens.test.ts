import { createLocalJWKSet, exportJWK, generateKeyPair, importJWK, jwtVerify, SignJWT } from 'jose';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { codeOf, granted, testAccounts } from '../infra/testing/accounts.ts';
import { type Accounts, openAccounts } from './accounts.ts';
import { addUser } from './add-user.ts';
import { openSession, type Session } from './open-session.ts';

const DAY = 86_400_000;
let accounts: Accounts;
let clock: { now: number };
let close: () => Promise<void>;
let session: Session;

beforeEach(async () => {
  ({ accounts, clock, close } = await testAccounts());
  session = await openSession(accounts, granted(await addUser(accounts, { username: 'ada' })));
});
afterEach(() => close());

const verify = async (token: string) => codeOf(await accounts.tokens.verify(token));
const restarted = () => openAccounts(accounts.directory, () => clock.now);
const claims = () => ({ did: session.deviceId, sub: session.user.userId, iss: 'parlance', aud: 'parlance' });

describe('access tokens', () => {
  it('last 15 minutes, with 5 seconds for clocks that differ', async () => {
    expect(session.accessTokenExpiresAt).toBe(clock.now + 15 * 60_000);
    expect(await verify(session.accessToken)).toBe('granted');
    clock.now = session.accessTokenExpiresAt + 4999;
    expect([
      await verify(session.accessToken),
      codeOf(await restarted().tokens.verify(session.accessToken)),
    ]).toEqual(['granted', 'granted']);
    clock.now += 1;
    expect([
      await verify(session.accessToken),
      codeOf(await restarted().tokens.verify(session.accessToken)),
    ]).toEqual(['token_expired', 'token_expired']);
  });

  it('can be checked by anybody who reads the published keys, which hold nothing private', async () => {
    const jwks = await accounts.tokens.jwks();
    const { payload, protectedHeader } = await jwtVerify(session.accessToken, createLocalJWKSet(jwks), {
      currentDate: new Date(clock.now),
      issuer: 'parlance',
      audience: 'parlance',
    });
    expect(payload).toMatchObject({ sub: session.user.userId, did: session.deviceId });
    expect(protectedHeader).toMatchObject({ alg: 'EdDSA', kid: jwks.keys[0]?.kid });
    expect(Object.keys(jwks.keys[0] ?? {}).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x']);
  });

  it('are refused when anything about them was changed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(session.accessToken.length - 1),
        fc.constantFrom('A', 'Z', 'a', 'z', '0', '9', '-', '_', '.'),
        async (at, by) => {
          const token = session.accessToken.slice(0, at) + by + session.accessToken.slice(at + 1);
          fc.pre(token !== session.accessToken && at < session.accessToken.length - 1); // the last holds 2 unused bits
          expect(await verify(token)).toBe('invalid_token');
        },
      ),
      { numRuns: 200 },
    );
    for (const token of [
      '',
      '.',
      '..',
      'null',
      'x'.repeat(100_000),
      session.accessToken.split('.').slice(0, 2).join('.'),
    ]) {
      expect(await verify(token)).toBe('invalid_token');
    }
  });

  it('are refused from another issuer, for another audience, with another key or algorithm, or with claims missing', async () => {
    const [stored] = await accounts.directory.keyring.list();
    if (!stored) throw new Error('there is no key');
    const key = await importJWK({ ...stored.privateJwk }, 'EdDSA');
    const header = { alg: 'EdDSA', kid: stored.kid };
    const signed = (payload: object, at = clock.now, named: typeof header | { alg: string } = header) =>
      new SignJWT({ ...payload })
        .setProtectedHeader(named)
        .setIssuedAt(at / 1000)
        .setExpirationTime(at / 1000 + 60);
    expect(await verify(await signed(claims()).sign(key))).toBe('granted');
    for (const wrong of [
      { iss: 'other' },
      { aud: 'other' },
      { did: undefined },
      { did: 7 },
      { sub: undefined },
      { iss: undefined },
    ]) {
      expect(await verify(await signed({ ...claims(), ...wrong }).sign(key))).toBe('invalid_token');
    }
    expect(
      await verify(
        await new SignJWT(claims())
          .setProtectedHeader(header)
          .setIssuedAt(clock.now / 1000)
          .sign(key),
      ),
    ).toBe('invalid_token');
    expect(await verify(await signed(claims(), clock.now - DAY).sign(key))).toBe('token_expired');

    const stranger = await generateKeyPair('EdDSA');
    expect(await verify(await signed(claims()).sign(stranger.privateKey))).toBe('invalid_token');
    expect(await verify(await signed(claims(), clock.now, { alg: 'EdDSA' }).sign(key))).toBe('invalid_token');
    expect(
      await verify(
        await signed(claims(), clock.now, { alg: 'EdDSA', kid: 'other' }).sign(stranger.privateKey),
      ),
    ).toBe('invalid_token');
    const publicBytes = Buffer.from(String(stored.publicJwk['x']), 'base64url');
    expect(
      await verify(await signed(claims(), clock.now, { ...header, alg: 'HS256' }).sign(publicBytes)),
    ).toBe('invalid_token');
    const none = [{ alg: 'none', kid: stored.kid }, claims()].map((part) =>
      Buffer.from(JSON.stringify(part)).toString('base64url'),
    );
    expect(await verify(`${none.join('.')}.`)).toBe('invalid_token');
  });

  it('are refused for a device that is somebody else’s', async () => {
    const { token } = await accounts.tokens.issue('00000000000000000000000001', session.deviceId);
    expect(await verify(token)).toBe('session_revoked');
  });
});

describe('signing keys', () => {
  it('are made once, also when many ask at once, and outlive a restart', async () => {
    const fresh = restarted();
    await Promise.all(
      Array.from({ length: 10 }, () => fresh.tokens.issue(session.user.userId, session.deviceId)),
    );
    expect(await accounts.directory.keyring.list()).toHaveLength(1);
    expect(codeOf(await fresh.tokens.verify(session.accessToken))).toBe('granted');
  });

  it('change every 30 days; the old one is published for another day and dropped at the next change', async () => {
    const kids = async () => (await accounts.tokens.jwks()).keys.map(({ kid }) => kid);
    const [first] = await kids();
    clock.now += 30 * DAY - 1000;
    const late = await accounts.tokens.issue(session.user.userId, session.deviceId);
    expect(await kids()).toEqual([first]);
    clock.now += 61_000;
    const [second, ...older] = await kids();
    expect([second === first, older]).toEqual([false, [first]]);
    expect(codeOf(await restarted().tokens.verify(late.token))).toBe('granted');
    const { token } = await accounts.tokens.issue(session.user.userId, session.deviceId);
    expect(codeOf(await restarted().tokens.verify(token))).toBe('granted');
    clock.now += DAY + 60_000;
    expect(await kids()).toEqual([second]);
    clock.now += 30 * DAY;
    expect(await kids()).toHaveLength(2);
    expect((await accounts.directory.keyring.list()).map(({ kid }) => kid)).not.toContain(first);
  });

  it('of another process are found within seconds', async () => {
    await accounts.tokens.verify(session.accessToken);
    const pair = await generateKeyPair('EdDSA', { extractable: true });
    const [privateJwk, publicJwk] = [
      { ...(await exportJWK(pair.privateKey)) },
      { ...(await exportJWK(pair.publicKey)) },
    ];
    await accounts.directory.keyring.add({ kid: 'theirs', createdAt: clock.now, privateJwk, publicJwk }, 0);
    clock.now += 5000;
    const theirs = await restarted().tokens.issue(session.user.userId, session.deviceId);
    expect(await verify(theirs.token)).toBe('granted');
  });
});
