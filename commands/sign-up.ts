import type { User } from '../domain/ports/directory.ts';
import { chosenUsername } from '../domain/username.ts';
import { type AccountRejection, isRefused, refuse } from './account-rejection.ts';
import { type Accounts, busy } from './accounts.ts';
import { add, invalidUsername, usernameTaken } from './add-user.ts';
import { openSession, type Session } from './open-session.ts';
import { secretHash } from './secret.ts';

export type SignUp = {
  readonly username: string;
  readonly displayName?: string | undefined;
  readonly password: string;
  readonly invitation?: string | undefined;
  readonly deviceName?: string | undefined;
};

/** Makes an account and signs its person in. Rejections: username_…, sign_up_closed, invitation_…, too_many_attempts. */
export const signUp = async (accounts: Accounts, command: SignUp): Promise<Session | AccountRejection> => {
  const username = chosenUsername(command.username);
  if (username === undefined) return invalidUsername();
  const hopeless = await refusal(accounts, command, username);
  if (hopeless) return hopeless;
  const passwordHash = await accounts.passwords.hash(command.password);
  if (passwordHash === undefined) return busy();
  // One at a time: nobody else becomes the owner, or takes the name, between the check and the deed.
  const user = await accounts.registering.run(() => register(accounts, command, username, passwordHash));
  if (!user) return busy();
  return isRefused(user) ? user : openSession(accounts, user, command.deviceName);
};

const register = async (
  accounts: Accounts,
  command: SignUp,
  username: string,
  passwordHash: string,
): Promise<User | AccountRejection> => {
  const { directory, settings, now } = accounts;
  const refused = await refusal(accounts, command, username);
  if (refused) return refused;
  if (settings.signUp === 'invitation' && (await directory.people.owner())) {
    const invited = await directory.invitations.use(secretHash(command.invitation ?? ''), now());
    if (!invited) return refuse('invitation_invalid', 'this invitation is used up, too old, or none of ours');
  }
  return add(accounts, username, command.displayName, passwordHash);
};

const refusal = async (
  { directory, settings }: Accounts,
  { invitation }: SignUp,
  username: string,
): Promise<AccountRejection | undefined> => {
  if (settings.signUp !== 'open' && (await directory.people.owner())) {
    if (settings.signUp === 'closed') return refuse('sign_up_closed', 'this site takes no new accounts');
    if (!invitation) return refuse('invitation_required', 'this site takes new accounts by invitation only');
  }
  return (await directory.people.byUsername(username)) ? usernameTaken(username) : undefined;
};
