import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Http, startHttp } from '../../infra/testing/http.ts';
import { ClientFrame, Command, ServerFrame } from '../protocol.ts';
import { answers } from '../rejections.ts';

let http: Http;
beforeAll(async () => {
  http = await startHttp();
});
afterAll(() => http.close());

type Document = Awaited<ReturnType<Http['ask']>>['body'];

const resolve = (document: Document, ref: string): Document =>
  ref
    .replace(/^#\//, '')
    .split('/')
    .reduce((at, part) => at?.[part.replaceAll('~1', '/').replaceAll('~0', '~')], document);

const refsOf = (value: unknown): string[] => {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => (key === '$ref' ? [String(inner)] : refsOf(inner)));
};

const routes = `
POST /v1/accounts
POST /v1/sessions
POST /v1/sessions/refresh
DELETE /v1/sessions/current
GET /v1/devices
DELETE /v1/devices/{deviceId}
GET /v1/site
GET /v1/me
GET /v1/me/preferences
PUT /v1/me/preferences
GET /v1/drafts
PUT /v1/conversations/{conversationId}/draft
PUT /v1/conversations/{conversationId}/mark
GET /v1/conversations/{conversationId}/receipts
GET /v1/conversations/{conversationId}/messages/{seq}/receipts
GET /v1/users
POST /v1/invitations
GET /.well-known/jwks.json
GET /v1/conversations
POST /v1/conversations
PUT /v1/conversations/direct/{userId}
GET /v1/conversations/{conversationId}
GET /v1/conversations/{conversationId}/messages
POST /v1/conversations/{conversationId}/messages
GET /v1/conversations/{conversationId}/messages/{seq}
PATCH /v1/conversations/{conversationId}/messages/{seq}
DELETE /v1/conversations/{conversationId}/messages/{seq}
PUT /v1/conversations/{conversationId}/messages/{seq}/reactions/{emoji}
DELETE /v1/conversations/{conversationId}/messages/{seq}/reactions/{emoji}
PUT /v1/conversations/{conversationId}/messages/{seq}/pin
DELETE /v1/conversations/{conversationId}/messages/{seq}/pin
GET /v1/conversations/{conversationId}/pins
PUT /v1/conversations/{conversationId}/title
PUT /v1/conversations/{conversationId}/topic
GET /v1/conversations/{conversationId}/members
POST /v1/conversations/{conversationId}/members
DELETE /v1/conversations/{conversationId}/members/{userId}
PUT /v1/conversations/{conversationId}/members/{userId}/role
PUT /v1/conversations/{conversationId}/bans/{userId}
DELETE /v1/conversations/{conversationId}/bans/{userId}
GET /v1/conversations/{conversationId}/events
POST /v1/polls
POST /v1/polls/{pollId}
DELETE /v1/polls/{pollId}
GET /health/live
GET /health/ready`
  .trim()
  .split('\n');

const open = [
  '/v1/accounts',
  '/v1/sessions',
  '/v1/sessions/refresh',
  '/v1/site',
  '/.well-known/jwks.json',
  '/v1/polls',
  '/v1/polls/{pollId}',
  '/health/live',
  '/health/ready',
];

describe('the OpenAPI document', () => {
  let document: Document;
  beforeAll(async () => {
    document = (await http.ask('GET', '/docs/openapi.json')).body;
  });
  const operations = () =>
    Object.entries<Document>(document['paths']).flatMap(([path, methods]) =>
      Object.entries<Document>(methods).map(([method, operation]) => ({
        path,
        method: method.toUpperCase(),
        operation,
      })),
    );

  it('has exactly the routes there are', () => {
    expect(document['openapi']).toBe('3.1.0');
    expect(
      operations()
        .map(({ method, path }) => `${method} ${path}`)
        .toSorted(),
    ).toEqual(routes.toSorted());
  });

  it('says of each what it is for, who may ask, and how it fails', () => {
    for (const { path, operation } of operations()) {
      expect(operation['summary']).toBeTruthy();
      expect(operation['tags']).toHaveLength(1);
      expect(operation['security']).toEqual(open.includes(path) ? undefined : [{ accessToken: [] }]);
      const statuses = Object.keys(operation['responses']);
      expect(statuses.some((status) => /^2\d\d$/.test(status))).toBe(true);
      expect(statuses).toContain(path === '/health/live' || path.startsWith('/.well-known') ? '200' : '503');
      for (const name of path.matchAll(/\{(\w+)\}/g)) {
        expect(operation['parameters']).toContainEqual(
          expect.objectContaining({ in: 'path', name: name[1], required: true }),
        );
      }
    }
    const ids = operations().map(({ operation }) => operation['operationId']);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('names what it refers to', () => {
    const refs = new Set(refsOf(document));
    for (const ref of refs) expect([ref, resolve(document, ref)]).toEqual([ref, expect.any(Object)]);
    for (const name of [
      'Session',
      'ConversationDetail',
      'TimelinePage',
      'Message',
      'EventsPage',
      'Acknowledgement',
      'ErrorBody',
    ]) {
      expect(refs).toContain(`#/components/schemas/${name}`);
    }
    expect(JSON.stringify(document)).not.toContain('PLACEHOLDER');
    expect(Object.keys(document.components.schemas)).not.toContain('SessionInput');
  });

  it('lists every error', () => {
    for (const code of Object.keys(answers))
      expect(document['info'].description).toContain(`| \`${code}\` |`);
  });

  it('describes parameters as what they mean', () => {
    const { parameters } = document['paths']['/v1/conversations/{conversationId}/messages'].get;
    const limit = parameters.find(({ name }: Document) => name === 'limit');
    expect(limit).toMatchObject({
      in: 'query',
      schema: { type: 'integer', minimum: 1, maximum: 100, default: 50 },
    });
    expect(limit.required ?? false).toBe(false);
    const send = document['paths']['/v1/conversations/{conversationId}/messages'].post;
    expect(send.parameters).toContainEqual(
      expect.objectContaining({ in: 'header', name: 'idempotency-key' }),
    );
    expect(send.requestBody.content['application/json'].schema.required).toEqual(['content']);
  });
});

describe('the AsyncAPI document', () => {
  let document: Document;
  beforeAll(async () => {
    document = (await http.ask('GET', '/docs/asyncapi.json')).body;
  });

  it('has every frame, in its direction', () => {
    expect(document['asyncapi']).toBe('3.0.0');
    const types = (operation: string) =>
      document['operations'][operation].messages.map(({ $ref }: { $ref: string }) => {
        const inChannel = resolve(document, $ref);
        return resolve(document, inChannel.$ref).payload.properties.type.const;
      });
    expect(types('ask')).toEqual(ClientFrame.options.map(({ shape }) => shape.type.value));
    expect(types('tell')).toEqual(ServerFrame.options.map(({ shape }) => shape.type.value));
  });

  it('has every command and every event', () => {
    const text = JSON.stringify(document);
    for (const { shape } of Command.options) expect(text).toContain(`"const":"${shape.type.value}"`);
    expect(text).toContain('"const":"MessageSent"');
  });

  it('names what it refers to, and says what frames are for', () => {
    const refs = refsOf(document);
    for (const ref of refs) expect([ref, resolve(document, ref)]).toEqual([ref, expect.any(Object)]);
    expect(refs).toContain('#/components/schemas/CommandInput');
    expect(document['components'].messages['Client.hello'].description).toContain('access token');
    expect(JSON.stringify(document)).not.toContain('$defs');
  });
});

describe('the page for people', () => {
  it('loads only what this server has', async () => {
    const { status, text, headers } = await http.ask('GET', '/docs');
    expect(status).toBe(200);
    expect(headers['content-security-policy']).toContain("script-src 'self';");
    const sources = [...text.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, source]) => source ?? '');
    expect(sources.filter((source) => !source.startsWith('/docs/') && !source.startsWith('data:'))).toEqual(
      [],
    );
    for (const source of sources.filter((one) => one.startsWith('/'))) {
      const script = await http.ask('GET', source);
      expect([source, script.status]).toEqual([source, 200]);
      expect(script.headers['content-type']).toContain('javascript');
    }
  });
});
