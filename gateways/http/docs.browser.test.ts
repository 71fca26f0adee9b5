import { existsSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { chromium } from 'playwright-core';
import { expect, it } from 'vitest';
import { startHttp } from '../../infra/testing/http.ts';

const executablePath = [process.env['CHROMIUM_PATH'], '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (path) => path !== undefined && existsSync(path),
);
// Without a browser this says so; under CI it fails.
const withBrowser = executablePath === undefined && process.env['CI'] !== 'true' ? it.skip : it;

withBrowser(
  'the documentation works in a browser, from this server alone, without an error',
  async () => {
    const http = await startHttp();
    const browser = await chromium.launch({
      ...(executablePath !== undefined && { executablePath }),
      args: ['--no-sandbox'],
    });
    try {
      await http.app.listen({ port: 0, host: '127.0.0.1' });
      const origin = `http://127.0.0.1:${(http.app.server.address() as AddressInfo).port}`;
      const page = await browser.newPage();
      const complaints: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('request', (request) => {
        if (!/^(?:data|blob):/.test(request.url()) && !request.url().startsWith(origin))
          complaints.push(request.url());
      });
      await page.goto(`${origin}/docs#tag/messages/POST/v1/conversations/{conversationId}/messages`);
      await page.getByRole('heading', { name: 'Say something' }).waitFor({ timeout: 20_000 });
      await page.getByText('client_id_reused').first().waitFor();
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
      await http.close();
    }
  },
  60_000,
);
