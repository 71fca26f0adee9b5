import { ulid } from 'ulid';
import type { User } from '../domain/ports/directory.ts';
import type { Accounts } from './accounts.ts';
import { newSecret, secretHash } from './secret.ts';

/** What a device holds after signing in. Times are ms. */
export type Session = {
  readonly user: User;
  readonly deviceId: string;
  readonly accessToken: string;
  readonly accessTokenExpiresAt: number;
  readonly refreshToken: string;
  readonly refreshTokenExpiresAt: number;
};

/** A refresh token that is about to be stored. */
export const nextRefreshToken = ({ now, settings }: Accounts) => {
  const refreshToken = newSecret('prt_');
  return { refreshToken, tokenHash: secretHash(refreshToken), expiresAt: now() + settings.refreshMs };
};

export type RefreshToken = ReturnType<typeof nextRefreshToken>;

export const sessionOf = async (
  accounts: Accounts,
  user: User,
  deviceId: string,
  refresh: RefreshToken,
): Promise<Session> => {
  const { token, expiresAt } = await accounts.tokens.issue(user.userId, deviceId);
  return {
    user,
    deviceId,
    accessToken: token,
    accessTokenExpiresAt: expiresAt,
    refreshToken: refresh.refreshToken,
    refreshTokenExpiresAt: refresh.expiresAt,
  };
};

/** Signs a person in on a new device. Whoever calls this has made sure who it is. */
export const openSession = async (
  accounts: Accounts,
  user: User,
  deviceName = 'Unnamed device',
): Promise<Session> => {
  const at = accounts.now();
  const device = { deviceId: ulid(at), userId: user.userId, name: deviceName, createdAt: at, lastSeenAt: at };
  const refresh = nextRefreshToken(accounts);
  await accounts.directory.sessions.open(device, refresh.tokenHash, refresh.expiresAt);
  return sessionOf(accounts, user, device.deviceId, refresh);
};
