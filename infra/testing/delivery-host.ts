import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAccounts } from '../../commands/accounts.ts';
import { hashedUlid } from '../../commands/conversation-id.ts';
import { openCore } from '../core.ts';
import { createLog } from '../log.ts';
import type { Random } from './random.ts';
import { spawnServer } from './spawn.ts';
import { startParlance } from './start.ts';

/** A server of a run, which may go away and come back at the same address, over the same folder. */
export type Host = AsyncDisposable & {
  readonly url: string;
  readonly folder: string;
  start(): Promise<void>;
  /** Takes leave of everybody. */
  stop(): Promise<void>;
  /** kill −9; in the process of the test it can only stop. */
  kill(): Promise<void>;
  readonly killable: boolean;
};

/**
 * Below those that systems give to connections: otherwise, while the server is away, one of its clients may be given the
 * server's own.
 */
const freePort = async (): Promise<number> => {
  for (;;) {
    const port = randomInt(12_000, 32_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
};

/** `killable`: a process of its own. It is not started yet. */
export const createHost = async (killable: boolean): Promise<Host> => {
  const folder = await mkdtemp(join(tmpdir(), 'parlance-delivery-'));
  const port = await freePort();
  let running: { stop(): Promise<void>; kill(): Promise<void> } | undefined;

  const startHere = async () => {
    const server = await startParlance({ DATA_DIR: folder, PORT: port });
    const stop = () => server.close({ keep: true });
    return { stop, kill: stop };
  };
  const startProcess = async () => {
    const { child, exit } = await spawnServer(folder, {
      PORT: String(port),
      LOG_LEVEL: 'error',
    });
    const end = async (signal: NodeJS.Signals) => {
      child.kill(signal);
      const { stderr } = await exit;
      if (stderr !== '') throw new Error(`the server complained: ${stderr}`);
    };
    return { stop: () => end('SIGTERM'), kill: () => end('SIGKILL') };
  };
  const finish = async (how: 'stop' | 'kill') => {
    const ending = running;
    running = undefined;
    await ending?.[how]();
  };
  return {
    url: `http://127.0.0.1:${port}`,
    folder,
    killable,
    async start() {
      running = await (killable ? startProcess() : startHere());
    },
    stop: () => finish('stop'),
    kill: () => finish('kill'),
    async [Symbol.asyncDispose]() {
      await finish('kill').catch(() => undefined);
      await rm(folder, { recursive: true, force: true });
    },
  };
};

export type Device = {
  readonly name: string;
  readonly userId: string;
  readonly deviceId: string;
  readonly token: string;
};
export type Cast = {
  readonly people: readonly string[];
  readonly devices: readonly Device[];
  readonly conversations: readonly string[];
};

const SEED_TIME = 15 * 60_000;

/** People with devices and some conversations among them, for each of the worlds. No password is hashed: that is slow. */
export const seedWorlds = async (folder: string, worlds: readonly { seed: number; random: Random }[]) => {
  await using core = await openCore({ DATA_DIR: folder, STATE_CACHE_MB: 16 }, createLog('silent'));
  const accounts = openAccounts(core.directory, Date.now);
  const now = Date.now();
  const casts: Cast[] = [];
  for (const { seed, random } of worlds) {
    const people = Array.from({ length: random.between(2, 8) }, (_, n) =>
      hashedUlid('delivery', `${seed}/${n}`),
    );
    await core.directory.people.addMany(
      people.map((userId, n) => ({
        userId,
        username: `p${seed}-${n}`,
        displayName: `P${n}`,
        createdAt: now,
      })),
    );
    // Everybody has a device, some have more; now and then there are many.
    const count = random.chance(0.1)
      ? random.between(people.length, 40)
      : random.between(people.length, people.length + 3);
    const devices: Device[] = [];
    for (let n = 0; n < count; n += 1) {
      const userId = people[n] ?? random.pick(people) ?? '';
      const name = `d${n}`;
      const deviceId = hashedUlid('device', `${seed}/${n}`);
      await core.directory.sessions.open(
        { deviceId, userId, name, createdAt: now, lastSeenAt: now },
        deviceId,
        now + SEED_TIME,
      );
      devices.push({ name, userId, deviceId, token: (await accounts.tokens.issue(userId, deviceId)).token });
    }
    const [first = '', second = ''] = people;
    const wishes = [
      { type: 'CreateGroup', title: 'All', members: people } as const,
      { type: 'StartDirect', with: second } as const,
      ...Array.from(
        { length: random.between(0, 2) },
        (_, n) =>
          ({
            type: 'CreateGroup',
            title: `G${n}`,
            members: people.filter(() => random.chance(0.5)),
          }) as const,
      ),
    ];
    const conversations: string[] = [];
    for (const [n, wish] of wishes.entries()) {
      const answer = await core.execute({ id: `seed${seed}-${n}`, by: first }, wish);
      if ('rejected' in answer) throw new Error(answer.detail);
      conversations.push(answer.conversationId);
    }
    casts.push({ people, devices, conversations });
  }
  return casts;
};
