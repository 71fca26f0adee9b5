import { z } from 'zod';
import { Acknowledgement, ErrorBody } from '../protocol.ts';
import { type ErrorCode, answers } from '../rejections.ts';
import { CommandHeaders } from './parameters.ts';

// What the documentation says of routes.

/** The error responses of a route: a status for each of the codes, with what they mean. */
export const refusals = (...codes: readonly ErrorCode[]) => {
  const means = new Map<number, string[]>();
  for (const code of [...codes, 'invalid_request', 'store_unavailable', 'internal'] as const) {
    const { status, means: meaning } = answers[code];
    means.set(status, [...(means.get(status) ?? []), `\`${code}\`: ${meaning}`]);
  }
  return Object.fromEntries(
    [...means].map(([status, lines]) => [
      status,
      { description: lines.join(' · '), content: { 'application/json': { schema: ErrorBody } } },
    ]),
  );
};

const unauthorized = ['unauthorized', 'invalid_token', 'token_expired', 'session_revoked'] as const;

/** A route that needs an access token, its answer, and how it fails. */
export const guarded = <R extends Readonly<Record<number, z.ZodType>>>(
  summary: string,
  tags: readonly string[],
  response: R,
  codes: readonly ErrorCode[] = [],
) => ({
  summary,
  tags: [...tags],
  security: [{ accessToken: [] }],
  // Handlers answer with `R`; refusals are thrown.
  response: { ...refusals(...unauthorized, ...codes), ...response } as R,
});

/** A route that reads of a conversation. */
export const reading = <S extends z.ZodType>(
  summary: string,
  tags: readonly string[],
  answer: S,
  codes: readonly ErrorCode[] = [],
) => guarded(summary, tags, { 200: answer }, ['conversation_not_found', ...codes]);

/** A route that asks for a command. */
export const asking = (summary: string, tags: readonly string[], codes: readonly ErrorCode[]) => ({
  ...guarded(summary, tags, { 200: Acknowledgement }, [...codes, 'rate_limited', 'overloaded']),
  headers: CommandHeaders,
});

/** A route that asks for a command which makes something new. */
export const making = (summary: string, tags: readonly string[], codes: readonly ErrorCode[]) => ({
  ...guarded(summary, tags, { 201: Acknowledgement }, [...codes, 'rate_limited', 'overloaded']),
  headers: CommandHeaders,
});

/** An answer without a body. */
export const done = z.null().meta({ description: 'Done' });
