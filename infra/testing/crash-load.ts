import { setTimeout as delay } from 'node:timers/promises';
import { hashedUlid } from '../../commands/conversation-id.ts';
import { openAccounts } from '../../commands/accounts.ts';
import type { Command } from '../../gateways/protocol.ts';
import { createLog } from '../log.ts';
import { openCore } from '../core.ts';
import { type ClientLog, converse, type Intent } from './crash-client.ts';
import type { Random } from './random.ts';

type Device = { readonly device: string; readonly userId: string; readonly token: string };

const PEOPLE = 4;
const SEED_TIME = 15 * 60_000;

/** People with a device each, one of them with two, and conversations among them. No password is hashed: that is slow. */
export const seedFolder = async (folder: string) => {
  await using core = await openCore({ DATA_DIR: folder, STATE_CACHE_MB: 16 }, createLog('silent'));
  const accounts = openAccounts(core.directory, Date.now);
  const now = Date.now();
  const people = Array.from({ length: PEOPLE }, (_, n) => hashedUlid('crash', String(n)));
  await core.directory.people.addMany(
    people.map((userId, n) => ({ userId, username: `p${n}`, displayName: `P${n}`, createdAt: now })),
  );
  const devices: Device[] = [];
  for (const userId of [...people, ...people.slice(0, 1)]) {
    const device = `d${devices.length}`;
    const deviceId = hashedUlid('device', device);
    const record = { deviceId, userId, name: device, createdAt: now, lastSeenAt: now };
    await core.directory.sessions.open(record, deviceId, now + SEED_TIME);
    devices.push({ device, userId, token: (await accounts.tokens.issue(userId, deviceId)).token });
  }
  const conversations: string[] = [];
  const [ann = '', ben = '', cat = ''] = people;
  for (const [n, wish] of [
    { type: 'StartDirect', with: ben } as const,
    { type: 'StartDirect', with: cat } as const,
    { type: 'CreateGroup', title: 'All', members: people } as const,
    { type: 'CreateGroup', title: 'Some', members: [ben, cat] } as const,
  ].entries()) {
    const answer = await core.execute({ id: `seed${n}`, by: ann }, wish);
    if ('rejected' in answer) throw new Error(answer.detail);
    conversations.push(answer.conversationId);
  }
  return { people, devices, conversations };
};

export type Seeded = Awaited<ReturnType<typeof seedFolder>>;

/** Clients that keep sending whatever the server does, and send again what was not acknowledged. */
export const createLoad = ({ people, devices, conversations }: Seeded, random: Random) => {
  const log: ClientLog = { intents: new Map(), marked: new Map(), sights: new Map(), problems: [] };
  const known = [...conversations];
  const messages: { readonly conversationId: string; readonly seq: number; readonly by: string }[] = [];
  let generating = false;

  const onAnswer = ({ command, answer, by }: Intent) => {
    if (!answer || !('seq' in answer)) return;
    const { conversationId, seq } = answer;
    if (command.type === 'SendMessage') messages.push({ conversationId, seq, by });
    else if (command.type === 'CreateGroup' && !known.includes(conversationId)) known.push(conversationId);
  };

  const clients = devices.map(({ device, userId, token }) => {
    const rng = random.fork();
    const own: Intent[] = [];
    let made = 0;
    const more = (): Intent[] => {
      if (!generating) return [];
      const intent: Intent = {
        id: `${device}-${(made += 1)}`,
        by: userId,
        device,
        command: nextCommand(rng, { people, known, messages, userId, made, device }),
        attempts: 0,
        answer: undefined,
        delayed: false,
      };
      own.push(intent);
      log.intents.set(intent.id, intent);
      return rng.chance(0.05) ? [intent, intent] : [intent];
    };
    const markAt = (seq: number) => {
      if (rng.chance(0.6)) return undefined;
      return rng.chance(0.5) ? { delivered: seq } : { read: rng.between(Math.max(0, seq - 5), seq) };
    };
    const talk = (url: string): Promise<boolean> => {
      const unanswered = own.filter(({ answer }) => !answer);
      const done = own.filter(({ answer, command }) => answer && command.type === 'SendMessage');
      const repeats = Array.from({ length: Math.min(5, done.length) }, () => rng.pick(done)).filter(isThere);
      const first = [...unanswered, ...repeats];
      const window = rng.between(4, 64);
      return converse({ url, token, userId, window, first, more, markAt, onAnswer }, log);
    };
    return { talk, unanswered: () => own.some(({ answer }) => !answer) };
  });

  return {
    log,
    /** Talks to a server until that is gone. */
    async until(url: string, gone: Promise<unknown>): Promise<void> {
      generating = true;
      let over = false;
      void gone.then(() => (over = true));
      await Promise.all(
        clients.map(async ({ talk }) => {
          while (!over) {
            await talk(url);
            if (!over) await Promise.race([gone, delay(5)]);
          }
        }),
      );
    },
    /** Says a little more, then nothing new, and returns when everything was answered, or throws after `ms`. */
    async finish(url: string, ms: number): Promise<void> {
      generating = true;
      const saidEnough = setTimeout(() => (generating = false), 50);
      const answered = new AbortController();
      const { signal } = answered;
      const overdue = delay(ms, undefined, { signal }).then(() => {
        throw new Error(`not everything was answered within ${ms} ms`);
      });
      const persist = async ({ talk, unanswered }: (typeof clients)[number]) => {
        while (!(await talk(url)) || unanswered()) await delay(5, undefined, { signal });
      };
      try {
        await Promise.race([Promise.all(clients.map(persist)), overdue]);
      } finally {
        clearTimeout(saidEnough);
        overdue.catch(() => undefined);
        answered.abort();
      }
    },
  };
};

const isThere = <T>(value: T | undefined): value is T => value !== undefined;

export type World = {
  readonly people: readonly string[];
  readonly known: readonly string[];
  readonly messages: readonly {
    readonly conversationId: string;
    readonly seq: number;
    readonly by: string;
  }[];
  readonly userId: string;
  readonly device: string;
  readonly made: number;
};

export const nextCommand = (
  rng: Random,
  { people, known, messages, userId, device, made }: World,
): Command => {
  const conversationId = rng.pick(known) ?? '';
  const length = rng.chance(0.03) ? rng.between(1_000, 20_000) : rng.between(0, 120);
  const content = { kind: 'text' as const, text: `${device}-${made} ${'~'.repeat(length)}` };
  const message = rng.chance(0.5) ? messages.at(-rng.between(1, 30)) : rng.pick(messages);
  const other = rng.pick(people) ?? userId;
  const emoji = rng.pick(['👍', '🎉', '❤️']) ?? '👍';
  const die = rng.next();
  if (die >= 0.3 || !message)
    return { type: 'SendMessage', conversationId, content, mentions: rng.chance(0.1) ? [other] : [] };
  const about = { conversationId: message.conversationId, seq: message.seq };
  if (die < 0.05) {
    const mine = messages.findLast(({ by }) => by === userId) ?? message;
    return {
      type: 'EditMessage',
      conversationId: mine.conversationId,
      seq: mine.seq,
      content,
      mentions: [],
    };
  }
  if (die < 0.13) return { type: 'AddReaction', ...about, emoji };
  if (die < 0.17) return { type: 'RemoveReaction', ...about, emoji };
  if (die < 0.19) return { type: 'RedactMessage', ...about };
  if (die < 0.21) return { type: 'PinMessage', ...about };
  if (die < 0.22) return { type: 'UnpinMessage', ...about };
  if (die < 0.23) return { type: 'RenameConversation', conversationId, title: `T${made}` };
  if (die < 0.24) return { type: 'SetTopic', conversationId, topic: `T${made}` };
  if (die < 0.265) return { type: 'AddMembers', conversationId, userIds: [other, ...people.slice(0, 1)] };
  if (die < 0.272) return { type: 'RemoveMember', conversationId, userId: other };
  if (die < 0.278) return { type: 'LeaveConversation', conversationId };
  if (die < 0.285) return { type: 'StartDirect', with: other };
  if (die < 0.292)
    return { type: 'CreateGroup', title: `G${made}`, members: people.slice(0, rng.between(0, 3)) };
  return { type: 'SendMessage', conversationId, content, replyTo: message.seq, mentions: [] };
};
