import { usernameKey } from '../domain/username.ts';
import { type AccountRejection, refuse } from './account-rejection.ts';
import { type Accounts, busy } from './accounts.ts';
import { openSession, type Session } from './open-session.ts';
import type { Attempt } from './sign-in-attempts.ts';

export type SignIn = {
  readonly username: string;
  readonly password: string;
  readonly deviceName?: string | undefined;
  /** Where the request comes from: failures are counted by it, too. */
  readonly address?: string | undefined;
};

const KEY_LENGTH = 100;

/**
 * Opens a session on a new device. Rejections: too_many_attempts, and wrong_credentials, which says nothing about whether
 * there is such a person, and takes as long if there is none.
 */
export const signIn = async (accounts: Accounts, command: SignIn): Promise<Session | AccountRejection> => {
  const keys = [`person ${usernameKey(command.username).slice(0, KEY_LENGTH)}`];
  if (command.address !== undefined) keys.push(`address ${command.address.slice(0, KEY_LENGTH)}`);
  const attempt = accounts.attempts.begin(keys);
  if (typeof attempt === 'number')
    return refuse('too_many_attempts', 'too many failed sign-ins; wait', attempt);
  try {
    return await check(accounts, command, attempt);
  } catch (error) {
    attempt.withdrawn();
    throw error;
  }
};

const check = async (
  accounts: Accounts,
  command: SignIn,
  attempt: Attempt,
): Promise<Session | AccountRejection> => {
  const { people } = accounts.directory;
  const user = await people.byUsername(command.username);
  const hashed = await people.credentials(user?.userId ?? '');
  const right = await accounts.passwords.verify(hashed, command.password);
  if (right === undefined) {
    attempt.withdrawn();
    return busy();
  }
  if (!right || !user) return refuse('wrong_credentials', 'the username or the password is wrong');
  const session = await openSession(accounts, user, command.deviceName);
  attempt.succeeded();
  return session;
};
