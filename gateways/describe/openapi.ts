import type { FastifyDynamicSwaggerOptions, SwaggerTransformObject } from '@fastify/swagger';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { errorsTable } from '../rejections.ts';
import { nameSchemas } from './names.ts';

/** How the routes become an OpenAPI 3.1 document: from the schemas that read their requests. */
export const openapi = (settings: {
  version: string;
  publicUrl?: string | undefined;
}): FastifyDynamicSwaggerOptions => {
  nameSchemas();
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Parlance',
        version: settings.version,
        description,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: settings.publicUrl ?? '/' }],
      tags: [
        { name: 'Accounts', description: 'Signing up and in, devices, invitations' },
        { name: 'You', description: 'Yourself, what others learn of you, what you are writing' },
        { name: 'People' },
        { name: 'Conversations' },
        { name: 'Messages' },
        { name: 'Members' },
        { name: 'Live', description: 'The frames of the WebSocket over HTTP' },
        { name: 'Operations' },
      ],
      components: {
        securitySchemes: {
          accessToken: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: 'The `accessToken` of a session',
          },
        },
      },
    },
    transform: (route) => {
      const { schema, url } = jsonSchemaTransform(route);
      return { schema: { operationId: operationIdOf(String(route.route.method), url), ...schema }, url };
    },
    transformObject: (document) => tidied(jsonSchemaTransformObject(document)),
  };
};

/** `GET /v1/conversations/:conversationId/pins` is `getConversationsConversationIdPins`: code generators name functions so. */
const operationIdOf = (method: string, url: string): string =>
  [method.toLowerCase(), ...url.split(/[^a-z]+/i).filter((word) => word !== '' && word !== 'v')]
    .map((word, index) => (index === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1)))
    .join('');

type Schemas = Record<string, unknown>;
type Operation = {
  requestBody?: { required: boolean; content: Record<string, { schema: { anyOf?: { type?: string }[] } }> };
  responses: Record<string, { description: string }>;
};
type Document = { paths: Record<string, Record<string, Operation>>; components: { schemas: Schemas } };

const statuses: Readonly<Record<string, string>> = { 200: 'OK', 201: 'Created', 503: 'Not at the moment' };

/** Only the schemas that something refers to; bodies that may be left out; responses that say more than “default”. */
const tidied = (whole: ReturnType<SwaggerTransformObject>) => {
  const document = whole as unknown as Document;
  for (const { requestBody, responses } of Object.values(document.paths).flatMap((path) =>
    Object.values(path),
  )) {
    const body = requestBody?.content['application/json']?.schema;
    if (requestBody && body?.anyOf?.some(({ type }) => type === 'null')) requestBody.required = false;
    for (const [status, response] of Object.entries(responses)) {
      if (response.description === 'Default Response') response.description = statuses[status] ?? status;
    }
  }
  const { schemas } = document.components;
  const used = new Set<string>();
  const use = (value: unknown) => {
    for (const [, name = ''] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      if (used.has(name)) continue;
      used.add(name);
      use(schemas[name]);
    }
  };
  use(document.paths);
  const kept = Object.fromEntries(Object.entries(schemas).filter(([name]) => used.has(name)));
  return { ...whole, components: { ...document.components, schemas: kept } } as typeof whole;
};

const description = `A conversation is a stream of events, numbered 0, 1, 2, … (\`seq\`); a message is named by the number of
the event that sent it. What is live comes over WebSocket: \`/docs/asyncapi.json\` describes it.

A command is answered when it is durable. With an \`Idempotency-Key\` it can be repeated safely: it is done once.

Errors are one object, \`{ code, message, retry, details? }\`; \`retry\` says that the same request may succeed later as it is.

${errorsTable()}
`;
