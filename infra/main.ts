import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline/promises';
import closeWithGrace from 'close-with-grace';
import { CommanderError } from 'commander';
import type { ZodType } from 'zod';
import { isRefused } from '../commands/account-rejection.ts';
import { openAccounts } from '../commands/accounts.ts';
import { addUser } from '../commands/add-user.ts';
import { invite } from '../commands/invite.ts';
import type { AddUserOptions, InviteOptions, ServeOptions } from '../gateways/cli/program.ts';
import { createProgram } from '../gateways/cli/program.ts';
import { DisplayName, Password } from '../gateways/protocol.ts';
import { type Settings, readSettings } from './config.ts';
import { openCore } from './core.ts';
import { prepareDemo } from './demo.ts';
import { createLog } from './log.ts';
import { readVersion } from './root.ts';

const DRAIN_MS = 10_000;
const out = (line: string) => void process.stdout.write(`${line}\n`);

/** `parlance …`: sets the process's exit code. */
export const main = async (argv: readonly string[]): Promise<void> => {
  process.umask(0o077); // what is kept is nobody else's to read
  const program = createProgram(await readVersion(), {
    serve: (options) => serve(settings(), options),
    demo,
    addUser: add,
    invite: makeInvitation,
    importIrc: {
      stdout: process.stdout,
      stderr: process.stderr,
      open: async () => {
        const core = await openCore(settings(), createLog('warn'));
        return { ...core, people: core.directory.people, close: async () => core[Symbol.asyncDispose]() };
      },
    },
  });
  const settings = (): Settings => {
    const { dataDir } = program.opts<{ dataDir?: string }>();
    return readSettings({ ...process.env, ...(dataDir && { DATA_DIR: dataDir }) });
  };

  async function demo(options: ServeOptions): Promise<number> {
    const { dataDir = './data/demo' } = program.opts<{ dataDir?: string }>();
    const chosen = { ...settings(), DATA_DIR: dataDir };
    const core = await openCore(chosen, createLog('warn'));
    let people: readonly string[];
    try {
      people = await prepareDemo(core);
    } finally {
      await core[Symbol.asyncDispose]();
    }
    return serve(chosen, options, people);
  }

  async function add(username: string, { displayName, json, ...options }: AddUserOptions): Promise<number> {
    const given = options.password ?? (process.stdin.isTTY ? undefined : await firstLine());
    const password = given ?? randomBytes(12).toString('base64url');
    check('the password', Password, password);
    if (displayName !== undefined) check('the display name', DisplayName, displayName);
    const core = await openCore(settings(), createLog('warn'));
    try {
      const user = await addUser(openAccounts(core.directory, Date.now), { username, displayName, password });
      if (isRefused(user)) throw new Error(user.detail);
      if (json) out(JSON.stringify({ ...user, ...(given === undefined && { password }) }));
      else
        out(
          `${user.username} (${user.role}) was added.${given === undefined ? ` Password: ${password}` : ''}`,
        );
      return 0;
    } finally {
      await core[Symbol.asyncDispose]();
    }
  }

  async function makeInvitation({ uses, days, json }: InviteOptions): Promise<number> {
    const chosen = settings();
    const core = await openCore(chosen, createLog('warn'));
    try {
      const owner = await core.directory.people.owner();
      if (!owner) throw new Error('nobody owns the site yet, and the first account needs no invitation');
      const made = await invite(openAccounts(core.directory, Date.now), {
        by: owner.userId,
        uses,
        ms: days * 86_400_000,
      });
      if (isRefused(made)) throw new Error(made.detail);
      const url = `${chosen.PUBLIC_URL ?? `http://localhost:${chosen.PORT}`}/?invitation=${made.code}`;
      out(
        json
          ? JSON.stringify({ ...made, url })
          : `${url}\nfor ${uses} ${uses === 1 ? 'person' : 'people'}, until ${new Date(made.expiresAt).toISOString()}`,
      );
      return 0;
    } finally {
      await core[Symbol.asyncDispose]();
    }
  }

  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has said it already, to people.
      if (process.exitCode === 2 && argv.includes('--json'))
        out(JSON.stringify({ error: { code: 'wrong_call', message: error.message } }));
      return;
    }
    const reason = error instanceof Error ? error.message : String(error);
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'failed';
    if (argv.includes('--json')) out(JSON.stringify({ error: { code, message: reason } }));
    process.stderr.write(`parlance: ${reason}\n`);
    process.exitCode = 1;
  }
};

const check = (what: string, schema: ZodType, value: string): void => {
  const parsed = schema.safeParse(value);
  if (!parsed.success)
    throw new Error(`${what} is refused: ${parsed.error.issues[0]?.message ?? 'malformed'}`);
};

/** Runs until a signal, or until the server can't go on. */
const serve = async (
  settings: Settings,
  { json }: ServeOptions,
  greeting: readonly string[] = [],
): Promise<number> => {
  const started = performance.now();
  // Only here: the other commands need nothing of it, and start sooner without.
  const { startServer } = await import('./serve.ts');
  const server = await startServer(settings);
  const claimed = (await server.core.directory.people.owner()) !== undefined;
  if (json)
    out(
      JSON.stringify({
        url: server.url,
        pid: process.pid,
        claimed,
        ms: Math.round(performance.now() - started),
      }),
    );
  else {
    out(`Parlance is ready at ${server.url}`);
    for (const line of greeting) out(line);
    if (!claimed) out('Next: open it and sign up. The first account owns the site.');
    else if (greeting.length === 0) out('Next: open it and sign in.');
    out(`API: ${server.url}/docs   data: ${server.core.dataDir}   stop: Ctrl-C`);
  }
  // It ends the process: with 0 after a signal, with 1 after an error or when closing takes too long.
  const ended: { reason?: Error } = {};
  const grace = closeWithGrace({ delay: DRAIN_MS, logger: false }, async ({ err }) => {
    if (err) server.core.log.fatal({ err }, 'stopping after an error');
    await server.close();
    if (ended.reason) throw ended.reason;
  });
  ended.reason = await server.failed;
  server.core.log.fatal({ err: ended.reason }, 'can’t go on');
  grace.close();
  return 1;
};

const firstLine = async (): Promise<string | undefined> => {
  const lines = createInterface({ input: process.stdin });
  for await (const line of lines) {
    lines.close();
    return line === '' ? undefined : line;
  }
  return undefined;
};
