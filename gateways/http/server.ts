import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import helmet from '@fastify/helmet';
import swagger from '@fastify/swagger';
import {
  type FastifyBaseLogger,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  LogController,
} from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { ulid } from 'ulid';
import { openapi } from '../describe/openapi.ts';
import { Refusal, errorBodyOf, statusOf } from '../rejections.ts';
import { createAccess } from './access.ts';
import { accountRoutes, deviceRoutes } from './accounts.ts';
import { type App, authenticated, errorBodyFor, serializerCompiler, validatorCompiler } from './app.ts';
import { conversationRoutes } from './conversations.ts';
import type { HttpDeps } from './deps.ts';
import { docsRoutes } from './docs.ts';
import { draftRoutes } from './drafts.ts';
import { healthRoutes } from './health.ts';
import { meRoutes } from './me.ts';
import { memberRoutes } from './members.ts';
import { messageRoutes } from './messages.ts';
import { measureRequests, metricsRoute } from './metrics.ts';
import { createPerform } from './perform.ts';
import { pollRoutes } from './polls.ts';
import { receiptRoutes } from './receipts.ts';
import { webClient } from './static.ts';
import { endUnused } from './unused.ts';
import { userRoutes } from './users.ts';

export const httpLimits = {
  bodyBytes: 256 * 1024,
  requestMs: 30_000,
  idleMs: 60_000,
  waitMs: 2_000,
} as const;

/** REST, documentation, health, metrics and the web client, on one HTTP server that does not listen yet. */
export const createHttpServer = (deps: HttpDeps): App => {
  const { settings, accounts, log, registry } = deps;
  const waitMs = settings.waitMs ?? httpLimits.waitMs;
  const loggerInstance: FastifyBaseLogger = log;
  const app: App = fastify({
    loggerInstance,
    requestIdHeader: false,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    genReqId: requestIdOf,
    trustProxy: settings.trustedProxies > 0 && ((_address, hop) => hop < settings.trustedProxies),
    bodyLimit: httpLimits.bodyBytes,
    connectionTimeout: httpLimits.idleMs,
    requestTimeout: httpLimits.requestMs,
    http: { headersTimeout: httpLimits.requestMs },
    routerOptions: { maxParamLength: 500 },
    clientErrorHandler: (error, socket) => refuseConnection(error, socket),
    frameworkErrors: (_error, _request, reply) =>
      void refuse(new Refusal('invalid_request', 'The address can’t be read.'), reply),
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.removeContentTypeParser('text/plain');

  app.addHook('onRequest', async (request, reply) => void reply.header('x-request-id', request.id));
  app.addHook('onResponse', async (request, reply) => logRequest(request, reply));
  measureRequests(app, registry);
  endUnused(app);
  app.setErrorHandler((error, request, reply) => {
    const body = refuse(error, reply);
    if (body.code === 'internal' || body.code === 'store_unavailable')
      request.log.error({ err: error }, 'a request failed');
    return reply;
  });

  void app.register(helmet, { contentSecurityPolicy, hsts: false });
  void app.register(swagger, openapi(settings));
  const asked = createPerform({ ...deps, waitMs });
  const access = createAccess({ ...deps, waitMs });
  const within = (...routes: readonly ((scope: App) => void)[]) =>
    void app.register(async (scope: App) => {
      for (const route of routes) route(scope);
    });
  within(accountRoutes(accounts, settings), healthRoutes(deps), metricsRoute(deps), docsRoutes(settings));
  within(pollRoutes(deps.polls, settings.publicUrl));
  within(
    (scope) => authenticated(scope, accounts.tokens),
    deviceRoutes(accounts, settings),
    meRoutes(deps),
    userRoutes(deps),
    conversationRoutes(deps, access, asked),
    messageRoutes(deps, access, asked),
    memberRoutes(deps, access, asked),
    receiptRoutes({ ...deps, waitMs }, access),
    draftRoutes(deps, access),
  );
  const servePage = webClient(app, settings.webRoot);
  app.setNotFoundHandler((request, reply) => {
    if (!servePage(request, reply)) refuse(new Refusal('not_found'), reply);
    return reply;
  });
  return app;
};

/** The caller's name for the request if it has one that can stand in a log. */
const requestIdOf = (request: IncomingMessage): string => {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[\x21-\x7e]{1,100}$/.test(given) ? given : ulid();
};

const refuse = (error: unknown, reply: FastifyReply) => {
  const body = errorBodyFor(error);
  const after =
    error instanceof Refusal && error.retryAfterMs !== undefined ? Math.ceil(error.retryAfterMs / 1000) : 1;
  const status = statusOf(body.code);
  if (status === 429 || status === 503) reply.header('retry-after', String(after));
  if (status === 401) reply.header('www-authenticate', 'Bearer');
  void reply.status(status).type('application/json; charset=utf-8').serializer(JSON.stringify).send(body);
  return body;
};

/** Neither bodies nor queries: they hold what people say, seek and keep secret. */
const logRequest = (request: FastifyRequest, reply: FastifyReply) => {
  const { method, url, ip } = request;
  const [path = url] = url.split('?', 1);
  const level = reply.statusCode >= 500 ? 'warn' : 'info';
  request.log[level](
    { method, path, status: reply.statusCode, ms: Math.round(reply.elapsedTime), ip },
    'request',
  );
};

const refuseConnection = (error: NodeJS.ErrnoException, socket: Socket) => {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (!socket.writable) return void socket.destroy(error);
  const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const body = JSON.stringify(
    errorBodyOf(
      new Refusal('invalid_request', late ? 'The request took too long.' : 'This is no HTTP request.'),
    ),
  );
  const head = `HTTP/1.1 ${late ? '408 Request Timeout' : '400 Bad Request'}\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8`;
  socket.end(`${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
};

// Plain HTTP must work: no HSTS, and nothing that turns addresses into https.
const contentSecurityPolicy = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'self'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    connectSrc: ["'self'", 'ws:', 'wss:'],
    objectSrc: ["'none'"],
    baseUri: ["'none'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
  },
};
