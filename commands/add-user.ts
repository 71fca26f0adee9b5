import { ulid } from 'ulid';
import { type User, UsernameTaken } from '../domain/ports/directory.ts';
import { chosenUsername } from '../domain/username.ts';
import { type AccountRejection, refuse } from './account-rejection.ts';
import { type Accounts, busy } from './accounts.ts';

export type AddUser = {
  readonly username: string;
  readonly displayName?: string | undefined;
  /** Without one nobody can sign in as this person. */
  readonly password?: string | undefined;
};

/** Adds a person, whatever the site's rule for sign-up is. The first one with a password owns the site. */
export const addUser = async (accounts: Accounts, command: AddUser): Promise<User | AccountRejection> => {
  const username = chosenUsername(command.username);
  if (username === undefined) return invalidUsername();
  if (command.password === undefined) return add(accounts, username, command.displayName);
  const passwordHash = await accounts.passwords.hash(command.password);
  return passwordHash === undefined ? busy() : add(accounts, username, command.displayName, passwordHash);
};

export const add = async (
  { directory, now }: Accounts,
  username: string,
  displayName = username,
  passwordHash?: string,
): Promise<User | AccountRejection> => {
  const createdAt = now();
  try {
    return await directory.people.add(
      { userId: ulid(createdAt), username, displayName, createdAt },
      passwordHash,
    );
  } catch (error) {
    if (error instanceof UsernameTaken) return usernameTaken(username);
    throw error;
  }
};

export const usernameTaken = (username: string) =>
  refuse('username_taken', `the username ${username} is taken`);

export const invalidUsername = () =>
  refuse(
    'username_invalid',
    'a username has 2 to 64 characters and no blanks, control characters, @, / or :',
  );
