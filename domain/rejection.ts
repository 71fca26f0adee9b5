/** Why a command was refused. A refusal is an answer, not an exception; the same command may be accepted later. */
export type RejectionCode =
  | 'conversation_not_found'
  | 'direct_is_fixed'
  | 'direct_with_self'
  | 'user_not_found'
  | 'not_allowed'
  | 'not_a_member'
  | 'member_banned'
  | 'too_many_members'
  | 'too_many_bans'
  | 'too_many_pins'
  | 'too_many_reactions'
  | 'message_not_found'
  | 'message_redacted'
  | 'message_too_large'
  | 'not_the_sender'
  | 'client_id_reused'
  | 'mark_beyond_end'
  | 'mark_behind';

export type Rejection = { readonly rejected: RejectionCode; readonly detail: string };

export const reject = (rejected: RejectionCode, detail: string): Rejection => ({ rejected, detail });

export const isRejection = (value: object): value is Rejection => 'rejected' in value;
