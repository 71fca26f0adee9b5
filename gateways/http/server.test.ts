import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withFaults } from '../../infra/testing/command-side.ts';
import { type Http, startHttp } from '../../infra/testing/http.ts';
import { createHttpServer } from './server.ts';
import { Registry } from 'prom-client';

let http: Http;
let webRoot: string;

beforeAll(async () => {
  webRoot = await mkdtemp(join(tmpdir(), 'parlance-web-'));
  await mkdir(join(webRoot, 'assets'));
  await writeFile(join(webRoot, 'index.html'), '<!doctype html><title>Parlance</title>');
  await writeFile(join(webRoot, 'assets', 'index-Ab12.js'), 'export {};');
  http = await startHttp({ webRoot });
});
afterAll(async () => {
  await http.close();
  await rm(webRoot, { recursive: true });
});

describe('health', () => {
  it('is live, and ready when every part works', async () => {
    expect(await http.ask('GET', '/health/live')).toMatchObject({ status: 200, body: { ok: true } });
    const ready = await http.ask('GET', '/health/ready');
    expect(ready.status).toBe(200);
    expect(ready.body).toMatchObject({ ok: true, store: { ok: true }, directory: { ok: true } });
    expect(Object.keys(ready.body.projections).sort()).toEqual([
      'conversation-members',
      'conversations',
      'messages',
      'receipts',
      'user-conversations',
    ]);
    expect(ready.body.projections.messages).toEqual({ ok: true, parked: 0 });
  });

  it('is not ready when a part fails, and says which without its secrets', async () => {
    const other = await startHttp();
    try {
      const { accessToken: token } = await other.signUp('ann');
      await other.core.store[Symbol.asyncDispose]();
      const ready = await other.ask('GET', '/health/ready');
      expect(ready.status).toBe(503);
      expect(ready.body).toMatchObject({
        ok: false,
        store: { ok: false, detail: 'store_unavailable' },
        directory: { ok: true },
      });
      expect((await other.ask('GET', '/health/live')).status).toBe(200);
      expect((await other.ask('GET', '/metrics')).text).toContain('parlance_store_writable 0');
      const refused = await other.ask('POST', '/v1/conversations', {
        token,
        body: { title: 'Tea', members: [] },
      });
      expect([refused.status, refused.body.code, refused.body.retry]).toEqual([
        503,
        'store_unavailable',
        true,
      ]);
      expect(refused.headers['retry-after']).toBe('1');
    } finally {
      await other.close();
    }
  });

  it('is not ready when the log can be read but not written', async () => {
    const sound = withFaults(http.core.store, () => undefined, Error);
    const store = { ...sound, health: () => ({ writable: false, waiting: 3 }) };
    const app = createHttpServer({ ...http.deps, store, registry: new Registry() });
    const ready = await app.inject('/health/ready');
    expect([ready.statusCode, ready.json().store]).toEqual([503, { ok: false, detail: 'not_writable' }]);
    await app.close();
  });
});

describe('metrics', () => {
  it('tell of the process, the requests by route, and the projections', async () => {
    const { accessToken: token } = await http.signUp('ann');
    await http.ask('POST', '/v1/conversations', { token, body: { title: 'Tea', members: [] } });
    await http.ask('GET', '/v1/conversations/01HZZZZZZZZZZZZZZZZZZZZZZZ', { token });
    const { status, text, headers } = await http.ask('GET', '/metrics');
    expect(status).toBe(200);
    expect(headers['content-type']).toContain('text/plain');
    expect(text).toContain('process_cpu_seconds_total');
    expect(text).toContain(
      'http_request_duration_seconds_count{method="GET",route="/v1/conversations/:conversationId",status="404"} 1',
    );
    expect(text).toContain('parlance_store_writable 1');
    expect(text).toContain('parlance_store_waiting 0');
    expect(text).toContain('parlance_projection_lag_events{projection="messages"} 0');
    expect(text).toContain('parlance_projection_lag_seconds{projection="conversations"} 0');
    expect(text).toContain('parlance_projection_parked{projection="messages"} 0');
    expect(text).toContain('parlance_commands_total{type="CreateGroup",outcome="accepted"} 1');
  });
});

describe('the web client', () => {
  const page = { headers: { accept: 'text/html,*/*' } };

  it('is served at /, with its own addresses', async () => {
    for (const url of ['/', '/somewhere', '/somewhere/else?x=1']) {
      const answer = await http.ask('GET', url, page);
      expect([url, answer.status, answer.text]).toEqual([url, 200, '<!doctype html><title>Parlance</title>']);
      expect(answer.headers['cache-control']).toBe('no-cache');
    }
    const asset = await http.ask('GET', '/assets/index-Ab12.js');
    expect(asset.status).toBe(200);
    expect(asset.headers['cache-control']).toBe('public, max-age=31536000, immutable');
  });

  it('is no answer to what programs ask', async () => {
    for (const url of [
      '/v1/nothing',
      '/ws',
      '/health/nothing',
      '/docs/nothing',
      '/metrics/x',
      '/.well-known/nothing',
    ]) {
      const answer = await http.ask('GET', url, page);
      expect([url, answer.status, answer.body.code]).toEqual([url, 404, 'not_found']);
    }
    expect((await http.ask('GET', '/assets/gone.js')).body.code).toBe('not_found');
    expect((await http.ask('POST', '/somewhere', page)).status).toBe(404);
    for (const url of ['/..%2f..%2fpackage.json', '/%2e%2e/package.json', '/.env']) {
      expect((await http.ask('GET', url)).status).toBeGreaterThanOrEqual(400);
    }
  });

  it('may load nothing from elsewhere, also over plain HTTP', async () => {
    const { headers } = await http.ask('GET', '/', page);
    expect(headers['content-security-policy']).toBe(
      "default-src 'self';script-src 'self';style-src 'self';img-src 'self' data:;connect-src 'self' ws: wss:;" +
        "object-src 'none';base-uri 'none';form-action 'self';frame-ancestors 'none'",
    );
    expect(headers['strict-transport-security']).toBeUndefined();
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect((await http.ask('GET', '/v1/nothing')).headers['x-content-type-options']).toBe('nosniff');
  });
});

describe('the log of requests', () => {
  it('names them and holds nothing of what was said, sought or kept secret', async () => {
    const lines: string[] = [];
    const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
    const app = createHttpServer({ ...http.deps, log, registry: new Registry() });
    const inject = (method: 'GET' | 'POST' | 'DELETE', url: string, payload?: object) =>
      app.inject({
        method,
        url,
        headers: { 'x-request-id': 'trace-7', authorization: `Bearer ${accessToken}` },
        ...(payload && { payload }),
      });
    const { accessToken, refreshToken } = await http.signUp('quiet');
    const content = { kind: 'text', text: 'whispered' };
    await inject('POST', '/v1/sessions', { username: 'quiet', password: 'whispered' });
    await inject('POST', '/v1/sessions/refresh', { refreshToken });
    await inject('GET', '/v1/users?search=whispered');
    const made = await inject('POST', '/v1/conversations', { title: 'whispered', members: [] });
    const url = `/v1/conversations/${made.json().conversationId}/messages`;
    await inject('POST', url, { content });
    await inject('POST', url, { content: 'whispered' });
    await inject('DELETE', `${url}/2?reason=whispered`);
    await app.close();
    const text = lines.join('');
    expect(lines.length).toBeGreaterThanOrEqual(7);
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({
      requestId: 'trace-7',
      method: 'DELETE',
      path: `${url}/2`,
      status: 200,
    });
    for (const secret of ['whispered', accessToken, refreshToken, 'prt_']) expect(text).not.toContain(secret);
    const [recorded] = (await http.core.store.read(`conversation-${made.json().conversationId}`)).slice(-1);
    expect(Buffer.from(recorded?.meta ?? []).toString()).toContain('trace-7');
  });
});
