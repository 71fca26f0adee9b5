import { type AccountRejection, refuse } from './account-rejection.ts';
import type { Accounts } from './accounts.ts';
import { nextRefreshToken, type Session, sessionOf } from './open-session.ts';
import { secretHash } from './secret.ts';

/**
 * A new session for a refresh token, which is worthless from then on: if it comes back, somebody has a copy, and the
 * device is revoked. Rejections: refresh_token_unknown, …_expired, …_reused, session_revoked.
 */
export const refreshSession = async (
  accounts: Accounts,
  { refreshToken }: { readonly refreshToken: string },
): Promise<Session | AccountRejection> => {
  const { directory, devices, now } = accounts;
  const next = nextRefreshToken(accounts);
  const rotation = await directory.sessions.rotate(secretHash(refreshToken), next, now());
  switch (rotation.outcome) {
    case 'rotated': {
      const [user] = await directory.people.byId([rotation.device.userId]);
      if (!user) return refuse('session_revoked', 'this account is gone');
      return sessionOf(accounts, user, rotation.device.deviceId, next);
    }
    case 'unknown':
      return refuse('refresh_token_unknown', 'this is no refresh token of this site');
    case 'expired':
      return refuse('refresh_token_expired', 'the refresh token has expired');
    case 'reused':
      devices.wasRevoked(rotation.deviceId);
      return refuse('refresh_token_reused', 'this refresh token was used before; its device is signed out');
    case 'revoked':
      return refuse('session_revoked', 'this device was signed out');
  }
};
