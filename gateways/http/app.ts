import type { IncomingMessage, ServerResponse } from 'node:http';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyRequest,
  FastifySchemaCompiler,
  RawServerDefault,
} from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { Refusal, accepted, errorBodyOf, invalidRequest } from '../rejections.ts';
import type { ErrorBody } from '../protocol.ts';
import type { AccessTokens, Identity } from '../../commands/tokens.ts';

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** What a request says was refused by its schema. */
export class InvalidRequest extends Error {
  readonly body: ErrorBody;
  constructor(error: z.ZodError) {
    super('invalid request');
    this.body = invalidRequest(error);
  }
}

/** Requests are read as their schemas say. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> =
  ({ schema }) =>
  (data) => {
    const parsed = schema.safeParse(data);
    return parsed.success ? { value: parsed.data } : { error: new InvalidRequest(parsed.error) };
  };

/** Responses are built by typed code; a schema's second look at them costs more than everything else of a hot read. */
export const serializerCompiler = () => (data: unknown) => JSON.stringify(data);

export const errorBodyFor = (error: unknown): ErrorBody => {
  if (error instanceof InvalidRequest) return error.body;
  // Fastify's own errors have a status, and messages that name what it is made of.
  const status =
    typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : undefined;
  if (status === 400)
    return errorBodyOf(new Refusal('invalid_request', 'The body or the address can’t be read.'));
  // 403 is the static files' answer to a path that leads out of their folder.
  if (status === 404 || status === 403) return errorBodyOf(new Refusal('not_found'));
  if (status === 413) return errorBodyOf(new Refusal('payload_too_large'));
  if (status === 415) return errorBodyOf(new Refusal('unsupported_media_type'));
  if (status === 503) return errorBodyOf(new Refusal('overloaded'));
  return errorBodyOf(error);
};

const IDENTITY = 'identity';

/** Every request below must bring an access token. It is looked at before the body is read. */
export const authenticated = (app: App, tokens: AccessTokens) => {
  app.decorateRequest(IDENTITY, undefined);
  app.addHook('onRequest', async (request) => {
    const [, token] = /^Bearer +([\x21-\x7e]{1,4096})$/i.exec(request.headers.authorization ?? '') ?? [];
    if (token === undefined) throw new Refusal('unauthorized');
    request.setDecorator<Identity>(IDENTITY, accepted(await tokens.verify(token)));
  });
};

/** Who asks: on routes below `authenticated`. */
export const identityOf = (request: FastifyRequest): Identity => request.getDecorator<Identity>(IDENTITY);
