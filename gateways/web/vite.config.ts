import preact from '@preact/preset-vite';
import { defineConfig } from 'vite';

const server = 'http://localhost:8080';

export default defineConfig(({ command }) => {
  // Tests build it too: what they build is what is served afterwards.
  if (command === 'build') process.env['NODE_ENV'] = 'production';
  return {
    root: import.meta.dirname,
    plugins: [preact()],
    // The content security policy allows files of this origin only: no data: URLs, no inline code.
    build: { outDir: '../../dist/web', emptyOutDir: true, target: 'es2023', assetsInlineLimit: 0 },
    server: { proxy: { '/v1': server, '/docs': server, '/ws': { target: server, ws: true } } },
  };
});
