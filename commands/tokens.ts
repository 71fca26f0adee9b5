import { errors, type JWK, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import type { UserId } from '../domain/id.ts';
import { type AccountRejection, isRefused, refuse } from './account-rejection.ts';
import type { ActiveDevices } from './active-devices.ts';
import { ALGORITHM, type SigningKeys } from './signing-keys.ts';

export type TokenSettings = { readonly lifetimeMs: number };

export const usualTokens: TokenSettings = { lifetimeMs: 15 * 60_000 };

/** Who is asking. `expiresAt` (ms) is that of the token. */
export type Identity = { readonly userId: UserId; readonly deviceId: string; readonly expiresAt: number };

const SITE = 'parlance';
const TOLERANCE_S = 5;
const MAX_LENGTH = 4096;
const VERIFIED = 10_000;

/** Access tokens: JWTs (RFC 7519) signed with EdDSA; `sub` is the person, `did` the device. */
export class AccessTokens {
  readonly #keys: SigningKeys;
  readonly #devices: ActiveDevices;
  readonly #now: () => number;
  readonly #lifetimeMs: number;
  readonly #verified = new LRUCache<string, Identity>({ max: VERIFIED });

  constructor(
    keys: SigningKeys,
    devices: ActiveDevices,
    now: () => number,
    settings: TokenSettings = usualTokens,
  ) {
    this.#keys = keys;
    this.#devices = devices;
    this.#now = now;
    this.#lifetimeMs = settings.lifetimeMs;
  }

  async issue(userId: UserId, deviceId: string): Promise<{ token: string; expiresAt: number }> {
    const { kid, key } = await this.#keys.signing();
    const issuedAt = Math.floor(this.#now() / 1000);
    const expiresAt = issuedAt + Math.floor(this.#lifetimeMs / 1000);
    const token = await new SignJWT({ did: deviceId })
      .setProtectedHeader({ alg: ALGORITHM, kid, typ: 'JWT' })
      .setSubject(userId)
      .setIssuer(SITE)
      .setAudience(SITE)
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt)
      .sign(key);
    return { token, expiresAt: expiresAt * 1000 };
  }

  /** Refuses with `invalid_token`, `token_expired` or, once its device was revoked, `session_revoked`. */
  async verify(token: string): Promise<Identity | AccountRejection> {
    const identity = this.#verified.get(token) ?? (await this.#check(token));
    if (isRefused(identity)) return identity;
    if (this.#now() >= identity.expiresAt + TOLERANCE_S * 1000) return expired();
    const owner = await this.#devices.ownerOf(identity.deviceId);
    return owner === identity.userId ? identity : refuse('session_revoked', 'this device was signed out');
  }

  /** A JSON Web Key Set (RFC 7517 §5). */
  async jwks(): Promise<{ keys: JWK[] }> {
    return { keys: await this.#keys.published() };
  }

  async #check(token: string): Promise<Identity | AccountRejection> {
    if (token.length > MAX_LENGTH) return refuse('invalid_token', 'the access token is too long');
    try {
      const { payload } = await jwtVerify(token, async ({ kid }) => this.#keyNamed(kid), {
        algorithms: [ALGORITHM],
        issuer: SITE,
        audience: SITE,
        clockTolerance: TOLERANCE_S,
        currentDate: new Date(this.#now()),
        requiredClaims: ['sub', 'did', 'exp', 'iat'],
      });
      const { sub, did, exp } = payload;
      if (typeof sub !== 'string' || typeof did !== 'string' || typeof exp !== 'number') return invalid();
      const identity = { userId: sub, deviceId: did, expiresAt: exp * 1000 };
      this.#verified.set(token, identity);
      return identity;
    } catch (error) {
      if (error instanceof errors.JWTExpired) return expired();
      if (error instanceof errors.JOSEError) return invalid();
      throw error;
    }
  }

  async #keyNamed(kid: unknown) {
    const key = typeof kid === 'string' ? await this.#keys.verifying(kid) : undefined;
    if (!key) throw new errors.JWKSNoMatchingKey();
    return key;
  }
}

const invalid = () => refuse('invalid_token', 'this is no access token of this site');
const expired = () => refuse('token_expired', 'the access token has expired');
