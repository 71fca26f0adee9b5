import { z } from 'zod';
import { ClientFrame, PROTOCOL_VERSION, ServerFrame, closeCodes } from '../protocol.ts';
import { errorsTable } from '../rejections.ts';
import { nameSchemas } from './names.ts';

type Schema = { $defs?: Record<string, unknown>; description?: string; [keyword: string]: unknown };

const COMPONENTS = '#/components/schemas/';

/** AsyncAPI 3.0 of `/ws`, made from the schemas that frames are read with. */
export const asyncapi = (version: string): Record<string, unknown> => {
  nameSchemas();
  const received = frames(ClientFrame, 'input');
  const sent = frames(ServerFrame, 'output');
  return {
    asyncapi: '3.0.0',
    info: { title: 'Parlance over WebSocket', version, description },
    defaultContentType: 'application/json',
    channels: {
      socket: {
        address: '/ws',
        description: `Protocol version ${PROTOCOL_VERSION}. A frame is one JSON object in a text message.`,
        messages: Object.fromEntries(
          [...received.names, ...sent.names].map((name) => [name, { $ref: `#/components/messages/${name}` }]),
        ),
        bindings: { ws: { method: 'GET' } },
      },
    },
    operations: {
      ask: operation('receive', 'What a client may say', received.names),
      tell: operation('send', 'What the server says', sent.names),
    },
    components: {
      messages: { ...received.messages, ...sent.messages },
      schemas: { ...received.schemas, ...sent.schemas },
    },
  };
};

const operation = (action: 'send' | 'receive', summary: string, names: readonly string[]) => ({
  action,
  channel: { $ref: '#/channels/socket' },
  summary,
  messages: names.map((name) => ({ $ref: `#/channels/socket/messages/${name}` })),
});

/** A message per member of the union, and the schemas that they share. What clients send is named apart: defaults may be left out. */
const frames = (union: typeof ClientFrame | typeof ServerFrame, io: 'input' | 'output') => {
  const who = io === 'input' ? 'Client' : 'Server';
  const suffix = io === 'input' ? 'Input' : '';
  const schemas: Record<string, unknown> = {};
  const messages: Record<string, unknown> = {};
  for (const option of union.options) {
    const {
      $schema: _,
      $defs = {},
      ...payload
    } = z.toJSONSchema(option, { io, unrepresentable: 'any' }) as Schema;
    const [type] = option.shape.type.values;
    const name = `${who}.${type}`;
    for (const [id, schema] of Object.entries($defs)) schemas[id + suffix] = relocate(schema, suffix);
    messages[name] = {
      name: type,
      title: type,
      ...(payload.description !== undefined && { description: payload.description }),
      payload: relocate(payload, suffix),
    };
  }
  return { schemas, messages, names: Object.keys(messages) };
};

const relocate = (schema: unknown, suffix: string): unknown =>
  JSON.parse(JSON.stringify(schema), (key, value: unknown) => {
    if (key === 'id' || key === '$id') return typeof value === 'string' ? undefined : value;
    return key === '$ref' && typeof value === 'string'
      ? value.replace('#/$defs/', COMPONENTS) + suffix
      : value;
  });

const description = `Say \`hello\` first; then every event of your conversations comes as it happens, and every
command is answered once it is durable. HTTP is at \`/docs/openapi.json\`.

The server closes with ${Object.entries(closeCodes)
  .map(([name, code]) => `${code} (${name})`)
  .join(', ')}, or 1012 when it restarts.

${errorsTable()}
`;
