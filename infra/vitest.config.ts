import { defineConfig } from 'vitest/config';

const folders = '{domain,commands,projections,gateways,workflows,infra}';
const browser = `${folders}/**/*.browser.test.ts`;

const project = (name: string, include: string, exclude: string[] = []) => ({
  extends: true as const,
  test: { name, include: [include], exclude: ['**/node_modules/**', 'dist/**', ...exclude] },
});

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    projects: [project('twins', `${folders}/**/*.test.ts`, [browser]), project('browser', browser)],
    globalSetup: ['infra/testing/build.js'],
    pool: 'forks', // the native modules live in the main thread of a process
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 30_000,
    coverage: { include: [`${folders}/**/*.ts`], exclude: ['**/*.test.ts', 'gateways/web/**'] },
  },
});
