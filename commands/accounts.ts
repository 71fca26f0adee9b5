import type { Directory } from '../domain/ports/directory.ts';
import { type AccountRejection, refuse } from './account-rejection.ts';
import { ActiveDevices } from './active-devices.ts';
import { Passwords, type PasswordSettings } from './passwords.ts';
import { type AttemptSettings, SignInAttempts } from './sign-in-attempts.ts';
import { type KeySettings, SigningKeys } from './signing-keys.ts';
import { AccessTokens, type TokenSettings } from './tokens.ts';
import { Turnstile } from './turnstile.ts';

/** Who may make an account. The first one is always allowed: it owns the site. */
export type SignUpMode = 'open' | 'invitation' | 'closed';

export type AccountSettings = {
  readonly signUp: SignUpMode;
  /** A refresh token lives this long; each refresh starts the time again. */
  readonly refreshMs: number;
  readonly invitation: { readonly uses: number; readonly ms: number };
  readonly passwords?: PasswordSettings;
  readonly attempts?: AttemptSettings;
  readonly keys?: KeySettings;
  readonly tokens?: TokenSettings;
};

const DAY_MS = 86_400_000;

const usual: AccountSettings = {
  signUp: 'open',
  refreshMs: 30 * DAY_MS,
  invitation: { uses: 1, ms: 7 * DAY_MS },
};

/** What the account commands need. `registering` lets one new person in at a time. */
export type Accounts = {
  readonly directory: Directory;
  readonly devices: ActiveDevices;
  readonly tokens: AccessTokens;
  readonly passwords: Passwords;
  readonly attempts: SignInAttempts;
  readonly registering: Turnstile;
  readonly now: () => number;
  readonly settings: AccountSettings;
};

export const openAccounts = (
  directory: Directory,
  now: () => number,
  given: Partial<AccountSettings> = {},
): Accounts => {
  const settings = { ...usual, ...given };
  const devices = new ActiveDevices(directory.sessions, now);
  const keys = new SigningKeys(directory.keyring, now, settings.keys);
  return {
    directory,
    devices,
    tokens: new AccessTokens(keys, devices, now, settings.tokens),
    passwords: new Passwords(settings.passwords),
    attempts: new SignInAttempts(now, settings.attempts),
    registering: new Turnstile({ inside: 1, waiting: 200, waitMs: 5000 }),
    now,
    settings,
  };
};

export const busy = (): AccountRejection =>
  refuse('too_many_attempts', 'too many people are signing in at the moment', 1000);
