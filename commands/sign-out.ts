import type { UserId } from '../domain/id.ts';
import { type AccountRejection, refuse } from './account-rejection.ts';
import type { Accounts } from './accounts.ts';

export type SignOut = { readonly by: UserId; readonly deviceId: string };

/** Revokes one of a person's own devices, at once. Rejection: device_not_found. */
export const signOut = async (
  { directory, devices }: Accounts,
  { by, deviceId }: SignOut,
): Promise<{ readonly deviceId: string } | AccountRejection> => {
  const device = await directory.sessions.active(deviceId);
  if (device?.userId !== by) return refuse('device_not_found', 'there is no such device among yours');
  await devices.revoke(deviceId);
  return { deviceId };
};
