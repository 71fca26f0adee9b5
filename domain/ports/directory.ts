import type { ConversationId, Seq, UserId } from '../id.ts';

/** `role` is the person's role on the whole site. Somebody without credentials (imported) can't sign in. */
export type User = {
  readonly userId: UserId;
  readonly username: string;
  readonly displayName: string;
  readonly role: 'owner' | 'member';
  readonly createdAt: number;
};

/** What others learn of somebody: how far they have read, and whether they are here. */
export type Preferences = { readonly shareReadReceipts: boolean; readonly sharePresence: boolean };

export const usualPreferences: Preferences = { shareReadReceipts: true, sharePresence: true };

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
 * - P6  Of all that `seen` was told, `lastSeen` gives each person's latest `at`, in the order asked for; undefined for
 *       somebody never seen. Whoever is told of need not have been added.
 * - P7  `preferences` gives what `setPreferences` set last, field by field; the usual ones until then.
 */
export interface People {
  add(user: Omit<User, 'role'>, passwordHash?: string): Promise<User>;
  addMany(users: readonly Omit<User, 'role'>[]): Promise<void>;
  byId(userIds: readonly UserId[]): Promise<readonly (User | undefined)[]>;
  byUsername(username: string): Promise<User | undefined>;
  search(text: string, limit: number): Promise<readonly User[]>;
  credentials(userId: UserId): Promise<string | undefined>;
  owner(): Promise<User | undefined>;
  seen(entries: readonly { readonly userId: UserId; readonly at: number }[]): Promise<void>;
  lastSeen(userIds: readonly UserId[]): Promise<readonly (number | undefined)[]>;
  preferences(userId: UserId): Promise<Preferences>;
  setPreferences(userId: UserId, change: Partial<Preferences>): Promise<void>;
}

/** What somebody is writing in a conversation and has not sent, as of `at`. An empty text: nothing any more. */
export type Draft = {
  readonly conversationId: ConversationId;
  readonly text: string;
  readonly replyTo?: Seq | undefined;
  readonly at: number;
};

/** Of one person: unfinished drafts, removed ones that are listed, and of both together those that are remembered. */
export const draftLimits = { unfinished: 100, removed: 100, remembered: 1000 } as const;

/**
 * - R1  Of a person's drafts in a conversation the one with the newest `at` counts, in whatever order they are put; of two
 *       with the same `at` the first. All of one call are put, or none.
 * - R2  One with an empty text removes what there was; an older one that is put afterwards does not bring it back.
 * - R3  `list` gives a person's unfinished drafts, newest first. At most 100 are kept: the oldest go as if they had been
 *       removed. After them it gives those that were removed last, at most 100, so that a device that was away learns of it.
 * - R4  So that R2 holds, what was removed is remembered: of a person's 1000 newest, unfinished and removed. What is older is
 *       forgotten, and what is put later, but is older than those, is not kept either.
 */
export interface Drafts {
  put(drafts: readonly (Draft & { readonly userId: UserId })[]): Promise<void>;
  list(userId: UserId): Promise<readonly Draft[]>;
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

/** People, their sign-ins and drafts, and the site's keys. */
export interface Directory extends AsyncDisposable {
  readonly people: People;
  readonly sessions: Sessions;
  readonly keyring: Keyring;
  readonly invitations: Invitations;
  readonly drafts: Drafts;
}

export class UsernameTaken extends Error {
  readonly code = 'username_taken';
}

export class DirectoryUnavailable extends Error {
  readonly code = 'directory_unavailable';
}
