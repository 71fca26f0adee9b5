import { type CryptoKey, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import { ulid } from 'ulid';
import type { Keyring, SigningKey } from '../domain/ports/directory.ts';

export type KeySettings = {
  /** A key signs for this long. */
  readonly rotateMs: number;
  /** A key verifies for this long after it was replaced: longer than any token it signed lives. */
  readonly keepMs: number;
};

export const usualKeys: KeySettings = { rotateMs: 30 * 86_400_000, keepMs: 86_400_000 };

export const ALGORITHM = 'EdDSA';

// Another process may have rotated the keys: look again after this time, and earlier for a key that is not known here.
const RELOAD_MS = 60_000;
const UNKNOWN_MS = 5000;

type Keys = {
  readonly signing: { readonly kid: string; readonly key: CryptoKey };
  readonly verifying: ReadonlyMap<string, { readonly key: CryptoKey; readonly jwk: JWK }>;
  readonly loadedAt: number;
};

/** The site's keys from the keyring: makes the first, replaces the current when its time is over, drops the old. */
export class SigningKeys {
  readonly #keyring: Keyring;
  readonly #now: () => number;
  readonly #settings: KeySettings;
  #keys: Keys | undefined;
  #loading: Promise<Keys> | undefined;

  constructor(keyring: Keyring, now: () => number, settings: KeySettings = usualKeys) {
    this.#keyring = keyring;
    this.#now = now;
    this.#settings = settings;
  }

  async signing(): Promise<Keys['signing']> {
    return (await this.#current(RELOAD_MS)).signing;
  }

  /** The public key of that name, if a token signed with it may still be valid. */
  async verifying(kid: string): Promise<CryptoKey | undefined> {
    const known = (await this.#current(RELOAD_MS)).verifying.get(kid);
    return (known ?? (await this.#current(UNKNOWN_MS)).verifying.get(kid))?.key;
  }

  /** JSON Web Keys (RFC 7517), newest first. */
  async published(): Promise<JWK[]> {
    return [...(await this.#current(RELOAD_MS)).verifying.values()].map(({ jwk }) => jwk);
  }

  async #current(maxAgeMs: number): Promise<Keys> {
    if (this.#keys && this.#now() - this.#keys.loadedAt < maxAgeMs) return this.#keys;
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #load(): Promise<Keys> {
    const now = this.#now();
    let stored = await this.#keyring.list();
    const [newest] = stored;
    if (!newest || newest.createdAt + this.#settings.rotateMs <= now) {
      await this.#keyring.add(await newKey(now), this.#needed(stored, now).at(-1)?.createdAt ?? now);
      stored = await this.#keyring.list();
    }
    const needed = this.#needed(stored, now);
    const [current] = needed;
    if (!current) throw new Error('the keyring lost the key just added');
    const verifying = await Promise.all(
      needed.map(async ({ kid, publicJwk }) => {
        const jwk: JWK = { ...publicJwk, kid, alg: ALGORITHM, use: 'sig' };
        return [kid, { key: await imported(publicJwk), jwk }] as const;
      }),
    );
    const signing = { kid: current.kid, key: await imported(current.privateJwk) };
    this.#keys = { signing, verifying: new Map(verifying), loadedAt: now };
    return this.#keys;
  }

  /** The newest key, and those replaced so recently that a token of theirs may be in use. */
  #needed(keys: readonly SigningKey[], now: number): readonly SigningKey[] {
    return keys.filter((_, n) => {
      const successor = keys[n - 1];
      return !successor || successor.createdAt + this.#settings.keepMs > now;
    });
  }
}

const newKey = async (now: number): Promise<SigningKey> => {
  const pair = await generateKeyPair(ALGORITHM, { extractable: true });
  const [privateJwk, publicJwk] = await Promise.all([exportJWK(pair.privateKey), exportJWK(pair.publicKey)]);
  return { kid: ulid(now), createdAt: now, privateJwk: { ...privateJwk }, publicJwk: { ...publicJwk } };
};

const imported = async (jwk: Record<string, unknown>): Promise<CryptoKey> => {
  const key = await importJWK(jwk as JWK, ALGORITHM);
  if (key instanceof Uint8Array) throw new TypeError('the keyring holds a key that is not Ed25519');
  return key;
};
