import type { ZodError } from 'zod';
import type { AccountRejection, AccountRejectionCode } from '../commands/account-rejection.ts';
import type { Rejection, RejectionCode } from '../domain/rejection.ts';
import type { ErrorBody, RateLimit } from './protocol.ts';

/** What a refusal is over HTTP, what it means, and whether the same request may succeed later as it is. */
type Answer = { readonly status: number; readonly retry: boolean; readonly means: string };

const answer = (status: number, means: string, retry = false): Answer => ({ status, retry, means });

/** Refusals of what a person asked a conversation for. */
const rejections: Record<RejectionCode, Answer> = {
  conversation_not_found: answer(404, 'There is no such conversation among yours.'),
  direct_is_fixed: answer(
    409,
    'A direct conversation keeps its two people and has no title, topic or roles.',
  ),
  direct_with_self: answer(422, 'A direct conversation needs somebody else.'),
  user_not_found: answer(404, 'There is no such account.'),
  not_allowed: answer(403, 'Your role does not allow it.'),
  not_a_member: answer(404, 'That person is not a member.'),
  member_banned: answer(409, 'That person is banned; lift the ban first.'),
  too_many_members: answer(409, 'The conversation would have too many members.'),
  too_many_bans: answer(409, 'The ban list is full.'),
  too_many_pins: answer(409, 'Too many messages are pinned.'),
  too_many_reactions: answer(409, 'The message has too many different reactions.'),
  message_not_found: answer(404, 'There is no such message in this conversation.'),
  message_redacted: answer(410, 'The message was redacted.'),
  message_too_large: answer(413, 'The message takes too many bytes.'),
  not_the_sender: answer(403, 'Only the sender of a message does that.'),
  client_id_reused: answer(409, 'This id names an earlier request that said something else.'),
  mark_beyond_end: answer(422, 'The conversation has no such event yet.'),
  mark_behind: answer(409, 'You have marked more than that already.'),
};

/** Refusals of what concerns accounts. */
const accountRejections: Record<AccountRejectionCode, Answer> = {
  username_taken: answer(409, 'Somebody has that username.'),
  username_invalid: answer(422, 'That can’t be a username.'),
  wrong_credentials: answer(401, 'The username or the password is wrong.'),
  invitation_required: answer(403, 'New accounts need an invitation here.'),
  invitation_invalid: answer(403, 'The invitation is used up, too old, or not from here.'),
  sign_up_closed: answer(403, 'There are no new accounts here.'),
  invalid_token: answer(401, 'The access token is not from here: sign in.'),
  token_expired: answer(401, 'The access token is too old: refresh the session.'),
  session_revoked: answer(401, 'The device was signed out: sign in.'),
  refresh_token_unknown: answer(401, 'The refresh token is not from here: sign in.'),
  refresh_token_expired: answer(401, 'The refresh token is too old: sign in.'),
  refresh_token_reused: answer(
    401,
    'The refresh token was used before; its device is signed out now: sign in.',
  ),
  device_not_found: answer(404, 'There is no such device among yours.'),
  owner_only: answer(403, 'Only the owner of the site does that.'),
  too_many_attempts: answer(429, 'Too many attempts; try again after `Retry-After` seconds.', true),
};

/** Everything else that may go wrong between a client and the commands. */
const others = {
  invalid_request: answer(400, 'The request is malformed; `details` say where.'),
  unauthorized: answer(401, 'Sign in first.'),
  foreign_origin: answer(403, 'Pages of other sites can’t connect here.'),
  not_found: answer(404, 'There is nothing at this address.'),
  payload_too_large: answer(413, 'The body of the request is too large.'),
  unsupported_media_type: answer(415, 'Bodies are `application/json`.'),
  version_unsupported: answer(400, 'The server speaks another version of the protocol.'),
  sync_token_invalid: answer(400, 'This is no sync token: read the views.'),
  sync_token_foreign: answer(410, 'The sync token is from another history of the log: read the views.'),
  poll_not_found: answer(410, 'These polls have ended: start anew, and resume.'),
  too_many_connections: answer(429, 'You have too many connections.', true),
  rate_limited: answer(429, 'Too much at once; `limit` says of whom, `retryAfterMs` when to go on.', true),
  overloaded: answer(503, 'Too much is waiting; try again in a moment.', true),
  store_unavailable: answer(
    503,
    'What is stored can’t be reached at the moment. A command may have been done: repeat it with its id.',
    true,
  ),
  view_behind: answer(503, 'The view does not hold `atLeast` yet.', true),
  internal: answer(500, 'Something broke here. A command may have been done: repeat it with its id.', true),
} satisfies Record<string, Answer>;

export type ErrorCode = RejectionCode | AccountRejectionCode | keyof typeof others;

export const answers: Readonly<Record<ErrorCode, Answer>> = {
  ...rejections,
  ...accountRejections,
  ...others,
};

/** An error that may be shown to a client as it is. */
export class Refusal extends Error {
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;
  readonly limit: RateLimit | undefined;
  constructor(
    code: ErrorCode,
    message: string = answers[code].means,
    retryAfterMs?: number,
    limit?: RateLimit,
  ) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
    this.limit = limit;
  }
}

/** A limit was reached. */
export const rateLimited = ({ limit, retryAfterMs }: { limit: RateLimit; retryAfterMs: number }): Refusal =>
  new Refusal('rate_limited', undefined, retryAfterMs, limit);

/** What a command answered, unless it refused: then that is thrown. */
export const accepted = <T extends object>(answered: T | Rejection | AccountRejection): T => {
  if (!isRefused(answered)) return answered;
  throw new Refusal(
    answered.rejected,
    answered.detail,
    'retryAfterMs' in answered ? answered.retryAfterMs : undefined,
  );
};

const isRefused = (answered: object): answered is Rejection | AccountRejection => 'rejected' in answered;

export const statusOf = (code: string): number => (isErrorCode(code) ? answers[code].status : 500);

const isErrorCode = (code: unknown): code is ErrorCode =>
  typeof code === 'string' && Object.hasOwn(answers, code);

// Errors of the ports, and the code under which they leave: their messages speak of things inside.
const unavailable = new Set(['store_unavailable', 'tables_unavailable', 'directory_unavailable']);

/** A refusal or an error as clients see it. Of what is unknown or inside nothing leaves but its code. */
export const errorBodyOf = (problem: unknown): ErrorBody => {
  if (typeof problem !== 'object' || problem === null) return body('internal');
  if (isRefused(problem)) return { ...body(problem.rejected, problem.detail), ...later(problem) };
  const code = 'code' in problem ? problem.code : undefined;
  if (typeof code === 'string' && unavailable.has(code)) return body('store_unavailable');
  if (!isErrorCode(code) || code === 'internal') return body('internal');
  const message = problem instanceof Error ? problem.message : undefined;
  return { ...body(code, message), ...(problem instanceof Refusal && later(problem)) };
};

const later = (refused: object): Pick<ErrorBody, 'limit' | 'retryAfterMs'> => {
  const { limit, retryAfterMs } = refused as Partial<Pick<Refusal, 'limit' | 'retryAfterMs'>>;
  return { ...(limit && { limit }), ...(retryAfterMs !== undefined && { retryAfterMs }) };
};

const body = (code: ErrorCode, message?: string): ErrorBody => ({
  code,
  message: message ?? answers[code].means,
  retry: answers[code].retry,
});

/** The body for what a schema refused: where, and why. At most 20 places. */
export const invalidRequest = ({ issues }: Pick<ZodError, 'issues'>): ErrorBody => ({
  ...body('invalid_request'),
  details: issues.slice(0, 20).map(({ path, message }) => ({ path: path.map(String).join('.'), message })),
});

/** The table of the protocol's documentation. */
export const errorsTable = (): string => {
  const rows = Object.entries(answers).map(
    ([code, { status, retry, means }]) => `| \`${code}\` | ${status} | ${retry ? 'yes' : ''} | ${means} |`,
  );
  return ['| code | HTTP | retry | what it means |', '|---|---|---|---|', ...rows].join('\n');
};
