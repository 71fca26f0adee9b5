import type { UserId } from '../id.ts';

/** `role` is the person's role on the whole site. Somebody without credentials (imported) can't sign in. */
export type User = {
  readonly userId: UserId;
  readonly username: string;
  readonly displayName: string;
  readonly role: 'owner' | 'member';
  readonly createdAt: number;
};

/** One record per sign-in. */
export type Device = {
  readonly deviceId: string;
  readonly userId: UserId;
  readonly name: string;
  readonly createdAt: number;
  readonly lastSeenAt: number;
};

/** An Ed25519 key that signs access tokens. `privateJwk` and `publicJwk` are JSON Web Keys. */
export type SigningKey = {
  readonly kid: string;
  readonly createdAt: number;
  readonly privateJwk: Record<string, unknown>;
  readonly publicJwk: Record<string, unknown>;
};

/**
 * - P1  Usernames are unique whatever their case (NFKC, lower case): `UsernameTaken`, and nothing is written.
 * - P2  `add` with the same userId again changes nothing and gives what is stored. `addMany` likewise, all or nothing.
 * - P3  The first person added with a password hash is the site's owner, everybody after that a member; of two added at
 *       once exactly one is.
 * - P4  `byUsername` finds whatever the case. `search` finds people with credentials or not whose username or display name
 *       has a word that starts with the text, best first, at most `limit`.
 * - P5  `credentials` gives the password hash; undefined for somebody without.
 */
export interface People {
  add(user: Omit<User, 'role'>, passwordHash?: string): Promise<User>;
  addMany(users: readonly Omit<User, 'role'>[]): Promise<void>;
  byId(userIds: readonly UserId[]): Promise<readonly (User | undefined)[]>;
  byUsername(username: string): Promise<User | undefined>;
  search(text: string, limit: number): Promise<readonly User[]>;
  credentials(userId: UserId): Promise<string | undefined>;
  owner(): Promise<User | undefined>;
}

/** What became of a refresh token that was presented. */
export type Rotation =
  | { readonly outcome: 'rotated'; readonly device: Device }
  | { readonly outcome: 'reused'; readonly deviceId: string }
  | { readonly outcome: 'unknown' | 'expired' | 'revoked' };

/**
 * Sign-ins. A device is a family of refresh tokens, each known by its SHA-256 (hex) only.
 *
 * - D1  `open` writes the device and its first token.
 * - D2  `rotate` replaces a current token by the next, once: of two calls with the same token one rotates, and the other
 *       counts as reuse. Reuse revokes the device with all its tokens.
 * - D3  A token past `expiresAt`, of a revoked device, or unknown rotates nothing, and the outcome says which.
 * - D4  `revoke` ends a device for good; `active` gives it only while it is not revoked.
 * - D5  `list` gives a person's devices that are not revoked, newest first.
 */
export interface Sessions {
  open(device: Device, tokenHash: string, expiresAt: number): Promise<void>;
  rotate(tokenHash: string, next: { tokenHash: string; expiresAt: number }, now: number): Promise<Rotation>;
  revoke(deviceId: string): Promise<void>;
  active(deviceId: string): Promise<Device | undefined>;
  list(userId: UserId): Promise<readonly Device[]>;
}

/** - K1  `list` is newest first.  - K2  `add` then drops those older than `keepAfter`, never the one just added. */
export interface Keyring {
  list(): Promise<readonly SigningKey[]>;
  add(key: SigningKey, keepAfter: number): Promise<void>;
}

/** - I1  An invitation (known by its SHA-256) is used up by at most `uses` calls of `use`, none after `expiresAt`. */
export interface Invitations {
  add(codeHash: string, by: UserId, uses: number, expiresAt: number): Promise<void>;
  use(codeHash: string, now: number): Promise<boolean>;
}

/** People, their sign-ins, and the site's keys. */
export interface Directory extends AsyncDisposable {
  readonly people: People;
  readonly sessions: Sessions;
  readonly keyring: Keyring;
  readonly invitations: Invitations;
}

export class UsernameTaken extends Error {
  readonly code = 'username_taken';
}

export class DirectoryUnavailable extends Error {
  readonly code = 'directory_unavailable';
}
