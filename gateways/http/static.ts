import { existsSync } from 'node:fs';
import { join } from 'node:path';
import staticFiles from '@fastify/static';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App } from './app.ts';

const ours = /^\/(?:v1|ws|docs|health|metrics|\.well-known)(?:\/|$|\?)/;

/** The built web client at `/`. Its addresses are its own business: a page that is asked for and not there is `index.html`. */
export const webClient = (
  app: App,
  webRoot: string | undefined,
): ((request: FastifyRequest, reply: FastifyReply) => boolean) => {
  if (webRoot === undefined || !existsSync(join(webRoot, 'index.html'))) return () => false;
  void app.register(staticFiles, {
    root: webRoot,
    schemaHide: true,
    cacheControl: false,
    decorateReply: true,
    setHeaders: (reply, path) => {
      // The build names assets after their content.
      const hashed = path.startsWith(join(webRoot, 'assets/'));
      reply.header('cache-control', hashed ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
  return (request, reply) => {
    const page =
      request.method === 'GET' &&
      (request.headers.accept ?? '').includes('text/html') &&
      !ours.test(request.url);
    if (page) void reply.status(200).sendFile('index.html');
    return page;
  };
};
