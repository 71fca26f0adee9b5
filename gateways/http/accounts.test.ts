import { SignJWT, generateKeyPair, importJWK } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Http, startHttp } from '../../infra/testing/http.ts';
import { Device, Invitation, Session, Site, User } from '../protocol.ts';
import { z } from 'zod';

let http: Http;
let ann: Session;
let bob: Session;

beforeAll(async () => {
  http = await startHttp();
  ann = await http.signUp('ann');
  bob = await http.signUp('bob');
});
afterAll(() => http.close());

const seconds = () => Math.floor(Date.now() / 1000);
const claims = (session: Session, expiresIn: number) =>
  new SignJWT({ did: session.deviceId })
    .setSubject(session.user.userId)
    .setIssuer('parlance')
    .setAudience('parlance')
    .setIssuedAt(seconds() - 3600)
    .setExpirationTime(seconds() + expiresIn);

describe('accounts over HTTP', () => {
  it('tells a newcomer what the site wants', async () => {
    const { status, body } = await http.ask('GET', '/v1/site');
    expect(status).toBe(200);
    expect(z.strictObject(Site.shape).parse(body)).toEqual({
      signUp: 'open',
      claimed: true,
      version: '0.0.0',
    });
  });

  it('makes accounts, the first of which owns the site', async () => {
    expect(z.strictObject(Session.shape).parse(ann).user.role).toBe('owner');
    expect(bob.user.role).toBe('member');
    const again = await http.ask('POST', '/v1/accounts', {
      body: { username: 'ANN', password: 'another password' },
    });
    expect([again.status, again.body.code]).toEqual([409, 'username_taken']);
    const bad = await http.ask('POST', '/v1/accounts', { body: { username: 'a b', password: 'short' } });
    expect(bad.status).toBe(400);
    expect(bad.body).toMatchObject({ code: 'invalid_request', retry: false });
    expect(bad.body.details.map(({ path }: { path: string }) => path)).toEqual(['username', 'password']);
    expect(bad.text).not.toContain('short');
  });

  it('signs in with the right password only', async () => {
    const right = await http.ask('POST', '/v1/sessions', {
      body: { username: 'Bob', password: 'correct horse' },
    });
    expect(right.status).toBe(201);
    expect(Session.parse(right.body).user.userId).toBe(bob.user.userId);
    const wrong = await http.ask('POST', '/v1/sessions', {
      body: { username: 'bob', password: 'wrong horse' },
    });
    expect([wrong.status, wrong.body.code]).toEqual([401, 'wrong_credentials']);
    const nobody = await http.ask('POST', '/v1/sessions', {
      body: { username: 'nobody', password: 'wrong horse' },
    });
    expect([nobody.status, nobody.body]).toEqual([401, wrong.body]);
  });

  it('says when to try again after too many failures', async () => {
    const attempt = () => http.ask('POST', '/v1/sessions', { body: { username: 'dora', password: 'wrong' } });
    let last = await attempt();
    for (let i = 0; i < 30 && last.status !== 429; i += 1) last = await attempt();
    expect([last.status, last.body.code, last.body.retry]).toEqual([429, 'too_many_attempts', true]);
    expect(Number(last.headers['retry-after'])).toBeGreaterThan(0);
    http.clock.skewMs += 16 * 60_000;
    expect((await attempt()).status).toBe(401);
    http.clock.skewMs = 0;
  });

  it('takes the address that its own proxy saw, whatever a client says it was', async () => {
    const behind = await startHttp({ trustedProxies: 1 });
    const statuses: number[] = [];
    for (let n = 0; n < 30; n += 1) {
      const { status } = await behind.ask('POST', '/v1/sessions', {
        body: { username: `nobody${n}`, password: 'wrong' },
        headers: { 'x-forwarded-for': `203.0.113.${n}, 198.51.100.7` },
      });
      statuses.push(status);
    }
    expect(statuses).toContain(429);
    await behind.close();
  });

  it('refreshes a session once; a second use of the token ends it', async () => {
    const { refreshToken, deviceId } = await http.signUp('carl');
    const refresh = (token: string) =>
      http.ask('POST', '/v1/sessions/refresh', { body: { refreshToken: token } });
    const first = await refresh(refreshToken);
    expect(first.status).toBe(200);
    expect(Session.parse(first.body).deviceId).toBe(deviceId);
    expect((await http.ask('GET', '/v1/me', { token: first.body.accessToken })).status).toBe(200);
    const reused = await refresh(refreshToken);
    expect([reused.status, reused.body.code]).toEqual([401, 'refresh_token_reused']);
    expect((await refresh(first.body.refreshToken)).status).toBe(401);
    const after = await http.ask('GET', '/v1/me', { token: first.body.accessToken });
    expect([after.status, after.body.code]).toEqual([401, 'session_revoked']);
    expect((await refresh('prt_nonsense')).body.code).toBe('refresh_token_unknown');
  });

  it('lists devices and signs them out', async () => {
    const { body: other } = await http.ask('POST', '/v1/sessions', {
      body: { username: 'bob', password: 'correct horse', deviceName: 'phone' },
    });
    const list = async (token: string) => (await http.ask('GET', '/v1/devices', { token })).body.devices;
    const devices = z.array(z.strictObject(Device.shape)).parse(await list(bob.accessToken));
    expect(devices.filter(({ current }) => current).map(({ deviceId }) => deviceId)).toEqual([bob.deviceId]);
    const del = (token: string, url: string) => http.ask('DELETE', url, { token });
    expect((await del(ann.accessToken, `/v1/devices/${other.deviceId}`)).body.code).toBe('device_not_found');
    expect((await del(bob.accessToken, `/v1/devices/${other.deviceId}`)).status).toBe(204);
    expect((await http.ask('GET', '/v1/me', { token: other.accessToken })).body.code).toBe('session_revoked');
    const third = (
      await http.ask('POST', '/v1/sessions', { body: { username: 'bob', password: 'correct horse' } })
    ).body;
    const out = await del(third.accessToken, '/v1/sessions/current');
    expect([out.status, out.text]).toEqual([204, '']);
    expect((await http.ask('GET', '/v1/me', { token: third.accessToken })).status).toBe(401);
    expect((await http.ask('GET', '/v1/me', { token: bob.accessToken })).status).toBe(200);
  });

  it('lets the owner invite, and nobody else', async () => {
    const made = await http.ask('POST', '/v1/invitations', { token: ann.accessToken, body: { uses: 3 } });
    expect(made.status).toBe(201);
    const invitation = z.strictObject(Invitation.shape).parse(made.body);
    expect(invitation).toMatchObject({ uses: 3 });
    expect(new URL(invitation.url).searchParams.get('invitation')).toBe(invitation.code);
    expect((await http.ask('POST', '/v1/invitations', { token: ann.accessToken })).body.uses).toBe(1);
    const refused = await http.ask('POST', '/v1/invitations', { token: bob.accessToken, body: {} });
    expect([refused.status, refused.body.code]).toEqual([403, 'owner_only']);
  });

  it('finds people by name and by id', async () => {
    const token = bob.accessToken;
    const me = await http.ask('GET', '/v1/me', { token });
    expect(z.strictObject(User.shape).parse(me.body).username).toBe('bob');
    const found = await http.ask('GET', '/v1/users?search=an', { token });
    expect(found.body.users.map((user: User) => user.username)).toEqual(['ann']);
    const ids = `${bob.user.userId},01HZZZZZZZZZZZZZZZZZZZZZZZ,${ann.user.userId}`;
    const byId = await http.ask('GET', `/v1/users?ids=${ids}`, { token });
    expect(byId.body.users.map((user: User) => user.username)).toEqual(['bob', 'ann']);
    for (const query of [
      '',
      '?search=a&ids=b',
      '?ids=nonsense',
      '?search=a&limit=51',
      `?ids=${Array(101).fill(ann.user.userId).join()}`,
    ]) {
      const { status, body } = await http.ask('GET', `/v1/users${query}`, { token });
      expect([query, status, body.code]).toEqual([query, 400, 'invalid_request']);
    }
  });

  it('publishes the keys that its tokens verify with, and no private ones', async () => {
    const { status, body, text } = await http.ask('GET', '/.well-known/jwks.json');
    expect(status).toBe(200);
    expect(body.keys[0]).toMatchObject({ kty: 'OKP', crv: 'Ed25519' });
    expect(text).not.toContain('"d"');
  });
});

describe('an access token over HTTP', () => {
  const refusal = async (authorization?: string) => {
    const { status, body, headers } = await http.ask(
      'GET',
      '/v1/me',
      authorization === undefined ? {} : { headers: { authorization } },
    );
    expect(headers['www-authenticate']).toBe('Bearer');
    return [status, body.code];
  };

  it('must be there', async () => {
    for (const authorization of [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      'Basic YTpi',
      ann.accessToken,
      `Bearer ${'x'.repeat(5000)}`,
    ]) {
      expect(await refusal(authorization)).toEqual([401, 'unauthorized']);
    }
  });

  it('must be one of ours', async () => {
    const [key] = await http.core.directory.keyring.list();
    const stranger = await generateKeyPair('EdDSA');
    const header = { alg: 'EdDSA', kid: key?.kid ?? '', typ: 'JWT' };
    const forged = await claims(ann, 900).setProtectedHeader(header).sign(stranger.privateKey);
    const unknownKey = await claims(ann, 900)
      .setProtectedHeader({ ...header, kid: 'other' })
      .sign(stranger.privateKey);
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const payload = {
      sub: ann.user.userId,
      did: ann.deviceId,
      iss: 'parlance',
      aud: 'parlance',
      iat: seconds(),
      exp: seconds() + 900,
    };
    const none = `${part({ ...header, alg: 'none' })}.${part(payload)}.`;
    const symmetric = await claims(ann, 900)
      .setProtectedHeader({ alg: 'HS256', kid: header.kid })
      .sign(Buffer.from(String(key?.publicJwk['x'])));
    const tampered = ann.accessToken.replace(/\.[^.]+\./, `.${part({ ...payload, sub: bob.user.userId })}.`);
    for (const token of [forged, unknownKey, none, symmetric, tampered, 'nonsense', 'a.b.c']) {
      expect(await refusal(`Bearer ${token}`)).toEqual([401, 'invalid_token']);
    }
  });

  it('expires', async () => {
    const [key] = await http.core.directory.keyring.list();
    const signer = await importJWK(key?.privateJwk ?? {}, 'EdDSA');
    const header = { alg: 'EdDSA', kid: key?.kid ?? '', typ: 'JWT' };
    const fresh = await claims(ann, 900).setProtectedHeader(header).sign(signer);
    expect((await http.ask('GET', '/v1/me', { token: fresh })).status).toBe(200);
    const old = await claims(ann, -60).setProtectedHeader(header).sign(signer);
    expect(await refusal(`Bearer ${old}`)).toEqual([401, 'token_expired']);
    http.clock.skewMs = 16 * 60_000;
    expect(await refusal(`Bearer ${ann.accessToken}`)).toEqual([401, 'token_expired']);
    http.clock.skewMs = 0;
  });
});

describe('a site by invitation', () => {
  it('takes its owner, then whoever was invited', async () => {
    const closed = await startHttp({ signUp: 'invitation', publicUrl: 'https://chat.example' });
    try {
      expect((await closed.ask('GET', '/v1/site')).body).toMatchObject({
        signUp: 'invitation',
        claimed: false,
      });
      const owner = await closed.signUp('owner');
      const body = { username: 'guest', password: 'correct horse' };
      const without = await closed.ask('POST', '/v1/accounts', { body });
      expect([without.status, without.body.code]).toEqual([403, 'invitation_required']);
      const { body: invitation } = await closed.ask('POST', '/v1/invitations', {
        token: owner.accessToken,
        body: {},
      });
      expect(invitation.url).toBe(`https://chat.example/?invitation=${invitation.code}`);
      const invited = await closed.ask('POST', '/v1/accounts', {
        body: { ...body, invitation: invitation.code },
      });
      expect(invited.status).toBe(201);
      const twice = await closed.ask('POST', '/v1/accounts', {
        body: { ...body, username: 'other', invitation: invitation.code },
      });
      expect([twice.status, twice.body.code]).toEqual([403, 'invitation_invalid']);
    } finally {
      await closed.close();
    }
  });
});
