import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { FastifyReply } from 'fastify';
import { asyncapi } from '../describe/asyncapi.ts';
import type { App } from './app.ts';

// Scalar writes its styles into the page; everything else comes from here.
const contentSecurityPolicy = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'self'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'", "'unsafe-inline'"],
    imgSrc: ["'self'", 'data:', 'blob:'],
    fontSrc: ["'self'", 'data:'],
    connectSrc: ["'self'"],
    objectSrc: ["'none'"],
    baseUri: ["'none'"],
    frameAncestors: ["'none'"],
  },
};

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Parlance API</title>
<link rel="icon" href="data:,">
</head>
<body>
<div id="app"></div>
<script src="/docs/scalar.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

const start = `Scalar.createApiReference('#app', {
  url: '/docs/openapi.json',
  withDefaultFonts: false,
  telemetry: false,
  hideClientButton: true,
  agent: { disabled: true },
  mcp: { disabled: true },
  showDeveloperTools: 'never',
});
`;

const require = createRequire(import.meta.url);
const library = () => join(dirname(require.resolve('@scalar/fastify-api-reference')), 'js', 'standalone.js');

/** What can be asked, for people (`/docs`) and for programs. Nothing of it comes from elsewhere. */
export const docsRoutes =
  ({ version }: { version: string }) =>
  (app: App) => {
    const hidden = { schema: { hide: true } };
    const script = (reply: FastifyReply, code: string | Buffer, maxAge: number) =>
      reply
        .type('text/javascript; charset=utf-8')
        .header('cache-control', `public, max-age=${maxAge}`)
        .send(code);
    let scalar: Promise<Buffer> | undefined;

    app.get('/docs', { ...hidden, helmet: { contentSecurityPolicy } }, async (_request, reply) =>
      reply.type('text/html; charset=utf-8').send(page),
    );
    app.get('/docs/', hidden, async (_request, reply) => reply.redirect('/docs', 301));
    app.get('/docs/start.js', hidden, async (_request, reply) => script(reply, start, 300));
    app.get('/docs/scalar.js', hidden, async (_request, reply) => {
      scalar ??= readFile(library());
      return script(reply, await scalar, 86_400);
    });
    app.get('/docs/openapi.json', hidden, async () => app.swagger());
    app.get('/docs/asyncapi.json', hidden, async () => asyncapi(version));
  };
