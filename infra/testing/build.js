import { buildIfStale } from '../bin/build.js';

/** Vitest's global setup: tests spawn programs from dist, browser tests also load dist/web. Types are checked by `npm run check`. */
export function setup(project) {
  buildIfStale('server', '--noCheck');
  if (project.name === 'browser') buildIfStale('web', '--logLevel', 'warn');
}
