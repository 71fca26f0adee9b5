import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openAccounts } from '../commands/accounts.ts';
import { addUser } from '../commands/add-user.ts';
import { directId, groupId } from '../commands/conversation-id.ts';
import type { Wish } from '../commands/execute.ts';
import { addIrcPeople, importIrcLog } from '../commands/import-irc.ts';
import { nicksOf } from '../commands/irc-plan.ts';
import { SYSTEM, type UserId } from '../domain/id.ts';
import { isRejection } from '../domain/rejection.ts';
import { parseIrcLog } from '../gateways/cli/irc-log.ts';
import type { Core } from './core.ts';
import { root } from './root.ts';

/** The only passwords that anybody knows beforehand; they work in the demo's own folder only. */
const cast = [
  { username: 'ann', displayName: 'Ann', password: 'ann-drinks-tea' },
  { username: 'ben', displayName: 'Ben', password: 'ben-rides-bikes' },
  { username: 'cat', displayName: 'Cat', password: 'cat-bakes-bread' },
] as const;

const text = (line: string) => ({ kind: 'text', text: line }) as const;
const samples = join(root, 'infra', 'testing', 'irc-sample');

/** Three people, something that they said, and a sample of real history. Done once: again it changes nothing. */
export const prepareDemo = async (core: Core): Promise<readonly string[]> => {
  const accounts = openAccounts(core.directory, Date.now);
  const owner = await core.directory.people.owner();
  if (owner) {
    const hashed = await core.directory.people.credentials(owner.userId);
    if (!(await accounts.passwords.verify(hashed, cast[0].password)))
      throw new Error(
        `${core.dataDir} is the site of ${owner.username}: the passwords of the demo are no secret`,
      );
  }
  for (const person of cast) {
    if (!(await core.directory.people.byUsername(person.username))) await addUser(accounts, person);
  }
  const [ann = '', ben = '', cat = ''] = await Promise.all(
    cast.map(async ({ username }) => (await core.directory.people.byUsername(username))?.userId ?? ''),
  );
  await bringHistory(core, [ann, ben, cat]);
  await smallTalk(core, ann, ben, cat);
  return ['', ...cast.map(({ username, password }) => `  ${username.padEnd(4)} password: ${password}`), ''];
};

const bringHistory = async (core: Core, people: readonly UserId[]) => {
  const logs = (await readdir(samples)).filter((name) => name.endsWith('.raw.txt'));
  for (const name of logs) {
    const log = parseIrcLog(name, await readFile(join(samples, name)));
    await addIrcPeople(core.directory.people, nicksOf(log));
    const title = `${log.channel ?? '#ubuntu'} ${new Date(log.date).toISOString().slice(0, 10)}`;
    const { conversationId } = await importIrcLog({ store: core.store, handle: core.handle }, log, { title });
    const joins = { type: 'AddMembers', id: 'demo', by: SYSTEM, at: log.date, userIds: people } as const;
    await core.handle(conversationId, joins);
  }
};

const smallTalk = async (core: Core, ann: UserId, ben: UserId, cat: UserId) => {
  let step = 0;
  const ask = async (by: UserId, wish: Wish): Promise<number> => {
    step += 1;
    const answer = await core.execute({ id: `demo-${step}`, by }, wish);
    if (isRejection(answer)) throw new Error(`the demo was refused: ${answer.detail}`);
    return answer.seq;
  };
  const hike = groupId(ann, 'demo-1');
  await ask(ann, {
    type: 'CreateGroup',
    title: 'Weekend hike',
    topic: 'Saturday, if it is dry',
    members: [ben, cat],
  });
  const send =
    (conversationId: string) =>
    (by: UserId, line: string, more: { replyTo?: number; mentions?: UserId[] } = {}) =>
      ask(by, { type: 'SendMessage', conversationId, content: text(line), mentions: [], ...more });
  const say = send(hike);
  const plan = await say(ann, 'Who is in for Saturday? Train at 8:12, back by six.');
  await say(ben, 'In! I bring the map.', { replyTo: plan });
  const bread = await say(cat, 'Me too. @ann should I bake?', { mentions: [ann] });
  await ask(ann, { type: 'AddReaction', conversationId: hike, seq: bread, emoji: '❤️' });
  await ask(ben, { type: 'AddReaction', conversationId: hike, seq: bread, emoji: '❤️' });
  await ask(ann, { type: 'PinMessage', conversationId: hike, seq: plan });
  const pair = directId(ann, ben);
  await ask(ann, { type: 'StartDirect', with: ben });
  await send(pair)(ann, 'Can you lend me your second rain jacket?');
  await send(pair)(ben, 'Sure, it is the green one.');
};
