import type { UserId } from '../domain/id.ts';
import { type AccountRejection, refuse } from './account-rejection.ts';
import type { Accounts } from './accounts.ts';
import { newSecret, secretHash } from './secret.ts';

/** `uses` and `ms` default to the site's settings. */
export type Invite = {
  readonly by: UserId;
  readonly uses?: number | undefined;
  readonly ms?: number | undefined;
};

/** `code` is shown this once. `expiresAt` is in ms. */
export type Invitation = { readonly code: string; readonly uses: number; readonly expiresAt: number };

/** The owner of the site lets somebody in. Rejection: owner_only. */
export const invite = async (
  { directory, settings, now }: Accounts,
  { by, uses = settings.invitation.uses, ms = settings.invitation.ms }: Invite,
): Promise<Invitation | AccountRejection> => {
  const [person] = await directory.people.byId([by]);
  if (person?.role !== 'owner') return refuse('owner_only', 'only the owner of the site invites');
  const code = newSecret('pin_');
  const expiresAt = now() + ms;
  await directory.invitations.add(secretHash(code), by, uses, expiresAt);
  return { code, uses, expiresAt };
};
