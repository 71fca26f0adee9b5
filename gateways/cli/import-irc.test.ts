import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createConversations } from '../../commands/conversations.ts';
import { createHandle } from '../../commands/handle.ts';
import { openDirectory } from '../../infra/directory/open.ts';
import { openEventStore } from '../../infra/event-store/open.ts';
import { type ImportIrcDeps, type ImportIrcOptions, type ImportIrcResult, importIrc } from './import-irc.ts';

const samples = ['2004-12-25.excerpt.raw.txt', '2010-03-08.excerpt.raw.txt'].map((name) =>
  fileURLToPath(new URL(`../../infra/testing/irc-sample/${name}`, import.meta.url)),
);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parlance-import-'));
});
afterEach(() => rm(folder, { recursive: true }));

const open: ImportIrcDeps['open'] = async () => {
  const store = await openEventStore({ type: 'sqlite', dataDir: folder });
  const directory = await openDirectory({ type: 'sqlite', dataDir: folder });
  // Each line is new: nothing old is ever asked for.
  const handle = createHandle({
    store,
    conversations: createConversations(store),
    recollection: async () => undefined,
  });
  const close = async () => {
    await directory[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  };
  return { store, people: directory.people, handle, close };
};

const run = async (files: readonly string[], options: ImportIrcOptions = {}, terminal = false) => {
  let out = '';
  const stderr = Object.assign(new PassThrough(), { isTTY: terminal });
  const code = await importIrc(files, options, { open, stdout: { write: (text) => (out += text) }, stderr });
  return { code, out, err: String(stderr.read() ?? '') };
};

const runJson = async (files: readonly string[], options: ImportIrcOptions = {}) => {
  const { code, out, err } = await run(files, { ...options, json: true });
  const [last = ''] = out.trimEnd().split('\n').slice(-1);
  return { code, err, result: JSON.parse(last) as ImportIrcResult };
};

test('the samples import with every message, and again with nothing added', async () => {
  const first = await runJson(samples);
  expect(first).toMatchObject({
    code: 0,
    err: '',
    result: { files: 2, conversations: 2, messages: 263, added: 263, skipped: 1, checked: true, owner: null },
  });
  expect(first.result.problems).toEqual([{ file: samples[0], line: 74, reason: expect.any(String) }]);
  const { people } = first.result;
  expect(people).toBeGreaterThan(60);
  expect(await runJson(samples)).toMatchObject({
    code: 0,
    result: { people, messages: 263, added: 0, checked: true },
  });
});

test('people read a table, and on a terminal see how far it is', async () => {
  const { out, err } = await run(samples, {}, true);
  expect(out).toMatch(/messages +263\nadded +263 in .*a second\n/);
  expect(out).toContain('every message of every file is in its conversation');
  expect(out).toContain('sign up (the first account owns the site), then import again');
  expect(out).toMatch(/excerpt\.raw\.txt:74: no time and no known event/);
  expect(err).toMatch(/of 263 messages .*\/s .* left/);
});

test('what can’t be read is told by file, and the others are imported', async () => {
  const file = (name: string) => join(folder, name);
  await mkdir(file('2005-01-01'));
  await writeFile(file('2005-01-02'), 'a\0b');
  await mkdir(file('other'));
  await writeFile(file('other/2004-12-25.excerpt.raw.txt'), '[10:00] <a> b');
  const bad = ['2004-01-01', '2005-01-01', '2005-01-02', 'other/2004-12-25.excerpt.raw.txt'].map(file);
  const { code, result } = await runJson([...samples, ...bad, ...samples], { problems: file('problems') });
  expect([code, result.files, result.added, result.unreadable]).toEqual([1, 2, 263, 4]);
  expect((await readFile(file('problems'), 'utf8')).trimEnd().split('\n')).toEqual([
    `${bad[0]}: there is no such file`,
    `${bad[1]}: it is a folder`,
    `${bad[2]}: it is binary`,
    `${bad[3]}: another file of this name is being imported`,
    expect.stringMatching(/excerpt\.raw\.txt:74: /),
  ]);
  expect((await runJson(bad)).code).toBe(1);
});

test('many problems are cut short', async () => {
  const file = join(folder, '2005-01-01.txt');
  await writeFile(file, `[10:00] <a> b\n${'what?\n'.repeat(30)}`);
  const { code, out } = await run([file]);
  expect(code).toBe(0);
  expect(out).toContain(`${file}:21: has neither`);
  expect(out).not.toContain(`${file}:22:`);
  expect(out).toContain('… and 10 more (use --problems FILE to get all)');
});

test('an owner must be an account', async () => {
  expect(await run(samples, { owner: 'nobody' })).toMatchObject({
    code: 2,
    out: '',
    err: 'parlance: there is no account nobody\n',
  });
});
