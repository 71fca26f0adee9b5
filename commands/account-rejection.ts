/** Why a request about accounts was refused: an answer, like those of domain/rejection.ts, not an exception. */
export type AccountRejectionCode =
  | 'username_taken'
  | 'username_invalid'
  | 'wrong_credentials'
  | 'invitation_required'
  | 'invitation_invalid'
  | 'sign_up_closed'
  | 'invalid_token'
  | 'token_expired'
  | 'session_revoked'
  | 'refresh_token_unknown'
  | 'refresh_token_expired'
  | 'refresh_token_reused'
  | 'device_not_found'
  | 'owner_only'
  | 'too_many_attempts';

/** `retryAfterMs` comes with `too_many_attempts`: the same request may succeed after that time. */
export type AccountRejection = {
  readonly rejected: AccountRejectionCode;
  readonly detail: string;
  readonly retryAfterMs?: number;
};

export const refuse = (
  rejected: AccountRejectionCode,
  detail: string,
  retryAfterMs?: number,
): AccountRejection => ({ rejected, detail, ...(retryAfterMs !== undefined && { retryAfterMs }) });

export const isRefused = (value: object): value is AccountRejection => 'rejected' in value;
