import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConversationSummary, Session } from '../gateways/protocol.ts';
import { settingsTable } from './config.ts';
import { openSocket, request, signUp } from './testing/client.ts';
import { spawnParlance, spawnServer } from './testing/spawn.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parlance-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const run = (args: readonly string[], env: Record<string, string> = {}, input?: string) =>
  spawnParlance(args, { DATA_DIR: folder, ...env }, input).exit;

describe('parlance serve', () => {
  it('keeps what was said over a restart, and ends with 0 when it is told to', async () => {
    const first = await spawnServer(folder);
    const ann = await signUp(first.url, 'ann');
    const ben = await signUp(first.url, 'ben');
    const socket = await openSocket(first.url);
    await socket.hello(ann.accessToken);
    const started = await socket.ask('1', { type: 'StartDirect', with: ben.user.userId });
    if (started.type !== 'ack') throw new Error(started.code);
    const { conversationId } = started;
    await socket.ask('2', {
      type: 'SendMessage',
      conversationId,
      content: { kind: 'text', text: 'still here?' },
      mentions: [],
    });
    first.child.kill('SIGTERM');
    expect(await socket.closed()).toMatchObject({ code: 1012 });
    expect(await first.exit).toMatchObject({ code: 0 });

    const second = await spawnServer(folder);
    const { body } = await request<{ conversations: ConversationSummary[] }>(
      second.url,
      '/v1/conversations',
      { token: ben.accessToken },
    );
    expect(body.conversations).toMatchObject([
      { conversationId, lastMessage: { content: { text: 'still here?' } } },
    ]);
    second.child.kill('SIGINT');
    expect(await second.exit).toMatchObject({ code: 0 });
  });

  it('refuses a folder that is in use, a port that is taken and a wrong setting, and says what to do', async () => {
    const server = await spawnServer(folder);
    const again = await run(['serve', '--json']);
    expect(again.code).toBe(1);
    expect(JSON.parse(again.stdout)).toMatchObject({
      error: { code: 'data_dir_in_use', message: expect.stringContaining('DATA_DIR') },
    });
    const other = await mkdtemp(join(tmpdir(), 'parlance-'));
    const taken = await run(['serve'], { DATA_DIR: other, PORT: new URL(server.url).port });
    await rm(other, { recursive: true, force: true });
    expect(taken).toMatchObject({ code: 1, stderr: expect.stringMatching(/EADDRINUSE|PORT/) });
    expect(await run(['serve'], { PORT: 'eighty' })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('PORT is "eighty"'),
    });
    server.child.kill('SIGTERM');
    await server.exit;
  });
});

describe('parlance demo', () => {
  const start = async () => {
    const demo = spawnParlance(['demo', '--json', '--data-dir', folder], { PORT: '0', LOG_LEVEL: 'warn' });
    const { url } = JSON.parse(await demo.firstLine()) as { url: string };
    return { ...demo, url };
  };
  const signIn = (url: string) =>
    request<Session>(url, '/v1/sessions', {
      method: 'POST',
      body: { username: 'ann', password: 'ann-drinks-tea' },
    });

  it('has three people and a sample of real history, and is the same the second time', async () => {
    const seen: unknown[] = [];
    for (let n = 0; n < 2; n += 1) {
      const demo = await start();
      const { body } = await signIn(demo.url);
      const list = await request<{ conversations: ConversationSummary[] }>(demo.url, '/v1/conversations', {
        token: body.accessToken,
      });
      seen.push(list.body.conversations.map(({ title, lastSeq }) => [title, lastSeq]));
      demo.child.kill('SIGTERM');
      expect(await demo.exit).toMatchObject({ code: 0 });
    }
    expect(seen[0]).toHaveLength(4);
    expect(seen[1]).toEqual(seen[0]);
  });

  it('gives nobody a known password on a site that is somebody’s', async () => {
    await run(['user', 'add', 'zoe', '--password', 'correct horse']);
    const demo = await run(['demo', '--data-dir', folder]);
    expect(demo).toMatchObject({ code: 1, stderr: expect.stringContaining('zoe') });
  });
});

describe('parlance user add', () => {
  it('makes accounts that can sign in, the first of which owns the site', async () => {
    const ann = await run(['user', 'add', 'ann', '--password', 'correct horse', '--json']);
    expect(JSON.parse(ann.stdout)).toMatchObject({ username: 'ann', role: 'owner' });
    const ben = await run(['user', 'add', 'ben', '--json'], {}, 'battery staple\n');
    expect(JSON.parse(ben.stdout)).toMatchObject({ username: 'ben', role: 'member' });
    const cat = await run(['user', 'add', 'cat'], {}, '');
    expect(cat.stdout).toMatch(/Password: \S{12,}/);
    const long = await run(['user', 'add', 'dan', '--password', 'x'.repeat(300)]);
    expect(long).toMatchObject({ code: 1, stderr: expect.stringContaining('password') });
    expect((await stat(join(folder, 'log.db'))).mode & 0o077).toBe(0);
    const again = await run(['user', 'add', 'ANN', '--password', 'correct horse', '--json']);
    expect(again.code).toBe(1);

    const server = await spawnServer(folder, { SIGN_UP: 'closed' });
    const signIn = (username: string, password: string) =>
      request<Session>(server.url, '/v1/sessions', { method: 'POST', body: { username, password } });
    expect(await signIn('ann', 'correct horse')).toMatchObject({
      status: 201,
      body: { user: { role: 'owner' } },
    });
    expect(await signIn('ben', 'battery staple')).toMatchObject({ status: 201 });
    expect(await signIn('ben', 'battery')).toMatchObject({ status: 401 });
    server.child.kill('SIGTERM');
    await server.exit;
  });
});

describe('the command line', () => {
  it('makes an invitation link once somebody owns the site', async () => {
    expect(await run(['invite'])).toMatchObject({ code: 1 });
    await run(['user', 'add', 'ann', '--password', 'correct horse']);
    const { code, stdout } = await run(['invite', '--uses', '3', '--json'], {
      PUBLIC_URL: 'https://chat.example',
    });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      uses: 3,
      url: expect.stringMatching(/^https:\/\/chat\.example\/\?invitation=pin_/),
    });
  });

  it.each([
    [[]],
    [['sing']],
    [['serve', '--loud']],
    [['user', 'add']],
    [['import', 'irc']],
    [['invite', '--uses', 'x']],
  ])('ends with 2 and help for the wrong call %j', async (args) => {
    const { code, stderr } = await run(args);
    expect(code).toBe(2);
    expect(stderr).toMatch(/--help|Usage/);
  });

  it('has help and a version', async () => {
    const help = await run(['--help']);
    expect(help.code).toBe(0);
    for (const command of ['serve', 'demo', 'user', 'invite', 'import'])
      expect(help.stdout).toContain(command);
    expect(await run(['--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });
});

describe('the README', () => {
  it('has the table of settings that the schema gives', async () => {
    const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
    const table = readme.split('<!-- settings -->')[1]?.split('<!-- /settings -->')[0]?.trim();
    expect(table).toBe(settingsTable());
  });
});
