import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { conversationCodec, decodeMeta } from '../domain/codec.ts';
import { DirectoryUnavailable, type People } from '../domain/ports/directory.ts';
import { openDirectory } from '../infra/directory/open.ts';
import { commandsOver, openTemporaryStore, wholeStream } from '../infra/testing/command-side.ts';
import { hashedUlid } from './conversation-id.ts';
import { createExecute, type Execute, executeLimits, type Wish } from './execute.ts';
import type { Acknowledgement } from './handle.ts';

const [ann, ben, cat, nobody] = ['ann', 'ben', 'cat', 'nobody'].map((name) => hashedUlid(name)) as [
  string,
  string,
  string,
  string,
];
const now = 1_700_000_000_000;

let temporary: Awaited<ReturnType<typeof openTemporaryStore>>;
let folder: string;
let directory: Awaited<ReturnType<typeof openDirectory>>;
let people: People;
let execute: Execute;
beforeAll(async () => {
  temporary = await openTemporaryStore();
  folder = await mkdtemp(join(tmpdir(), 'parlance-'));
  directory = await openDirectory({ type: 'sqlite', dataDir: folder });
  ({ people } = directory);
  await people.addMany(
    [ann, ben, cat].map((userId) => ({ userId, username: userId, displayName: userId, createdAt: now })),
  );
  execute = createExecute({ handle: commandsOver(temporary.store), people, now: () => now });
});
afterAll(async () => {
  await directory[Symbol.asyncDispose]();
  await temporary[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

let ids = 0;
const fresh = () => `r${(ids += 1)}`;
const accepted = async (by: string, wish: Wish, id = fresh()): Promise<Acknowledgement> => {
  const answer = await execute({ id, by }, wish);
  if ('rejected' in answer) throw new Error(answer.detail);
  return answer;
};
const typesIn = async (conversationId: string) =>
  (await wholeStream(temporary.store, conversationId)).map(({ type }) => type);

describe('a direct conversation', () => {
  it('is the same one whoever starts it, also when both do so at once', async () => {
    const [one, other] = await Promise.all([
      accepted(ann, { type: 'StartDirect', with: ben }),
      accepted(ben, { type: 'StartDirect', with: ann }),
    ]);
    expect(other.conversationId).toBe(one.conversationId);
    expect(await typesIn(one.conversationId)).toEqual([
      'ConversationCreated',
      'MemberJoined',
      'MemberJoined',
    ]);
    const another = await accepted(ann, { type: 'StartDirect', with: cat });
    expect(another.conversationId).not.toBe(one.conversationId);
  });
});

describe('a group', () => {
  it('is founded once by a request that is repeated, and is another one for another request', async () => {
    const wish = { type: 'CreateGroup', title: 'Friends', members: [ben] } as const;
    const id = fresh();
    const [first, again] = await Promise.all([accepted(ann, wish, id), accepted(ann, wish, id)]);
    expect(again.conversationId).toBe(first.conversationId);
    expect(await typesIn(first.conversationId)).toHaveLength(3);
    expect((await accepted(ann, wish)).conversationId).not.toBe(first.conversationId);
    // Two people may happen to choose the same id.
    expect((await accepted(ben, wish, id)).conversationId).not.toBe(first.conversationId);
  });

  it('of that id is not taken for one with another title', async () => {
    const id = fresh();
    await accepted(ann, { type: 'CreateGroup', title: 'Friends', members: [] }, id);
    expect(await execute({ id, by: ann }, { type: 'CreateGroup', title: 'Foes', members: [] })).toMatchObject(
      { rejected: 'client_id_reused' },
    );
  });
});

describe('somebody without an account', () => {
  it('is not brought into a conversation, and nothing else of the request happens', async () => {
    const { conversationId } = await accepted(ann, { type: 'CreateGroup', title: 'Friends', members: [] });
    const before = await typesIn(conversationId);
    const wishes: Wish[] = [
      { type: 'StartDirect', with: nobody },
      { type: 'CreateGroup', title: 'More', members: [ben, nobody] },
      { type: 'AddMembers', conversationId, userIds: [ben, nobody] },
      { type: 'BanMember', conversationId, userId: nobody },
    ];
    for (const wish of wishes) {
      expect(await execute({ id: fresh(), by: ann }, wish)).toMatchObject({ rejected: 'user_not_found' });
    }
    expect(await typesIn(conversationId)).toEqual(before);
  });
});

it('what one asks for of a conversation happens in that order, though people have to be looked up for some of it', async () => {
  const { conversationId } = await accepted(ann, { type: 'CreateGroup', title: 'Friends', members: [] });
  const before = (await typesIn(conversationId)).length;
  const content = { kind: 'text', text: 'hello' } as const;
  const welcome: Wish = { type: 'SendMessage', conversationId, content, mentions: [ben] };
  const answers = await Promise.all([
    accepted(ann, welcome),
    accepted(ann, { type: 'AddMembers', conversationId, userIds: [ben] }),
    accepted(ann, welcome),
    execute({ id: fresh(), by: ann }, { type: 'AddMembers', conversationId, userIds: [nobody] }),
    accepted(ann, { type: 'BanMember', conversationId, userId: ben }),
    accepted(ann, welcome),
  ]);
  expect(answers).toMatchObject([
    { seq: before },
    { seq: before + 1 },
    { seq: before + 2 },
    { rejected: 'user_not_found' },
    { seq: before + 3 },
    { seq: before + 4 },
  ]);
  expect((await typesIn(conversationId)).slice(before)).toEqual([
    'MessageSent',
    'MemberJoined',
    'MessageSent',
    'MemberBanned',
    'MessageSent',
  ]);
});

it('a directory that fails fails those who need it, and nobody after them', async () => {
  const failing: People = {
    ...people,
    byId: () => Promise.reject(new DirectoryUnavailable('the test says so')),
  };
  const limited = createExecute({ handle: commandsOver(temporary.store), people: failing, now: () => now });
  const { conversationId } = await accepted(ann, { type: 'CreateGroup', title: 'Friends', members: [] });
  const content = { kind: 'text', text: 'hello' } as const;
  const answers = await Promise.allSettled([
    limited({ id: fresh(), by: ann }, { type: 'AddMembers', conversationId, userIds: [ben] }),
    limited({ id: fresh(), by: ann }, { type: 'SendMessage', conversationId, content, mentions: [] }),
  ]);
  expect(answers).toMatchObject([
    { status: 'rejected', reason: { code: 'directory_unavailable' } },
    { status: 'fulfilled', value: { conversationId } },
  ]);
});

it('a directory that does not answer fails those who need it after a time, and keeps nobody waiting longer', async () => {
  const silent: People = { ...people, byId: () => new Promise(() => {}) };
  const handle = commandsOver(temporary.store);
  const limited = createExecute({ handle, people: silent, now: () => now, lookUpMs: 10 });
  const { conversationId } = await accepted(ann, { type: 'CreateGroup', title: 'Friends', members: [] });
  const content = { kind: 'text', text: 'hello' } as const;
  const answers = await Promise.allSettled([
    limited({ id: fresh(), by: ann }, { type: 'AddMembers', conversationId, userIds: [ben] }),
    limited({ id: fresh(), by: ann }, { type: 'SendMessage', conversationId, content, mentions: [] }),
  ]);
  expect(answers).toMatchObject([
    { status: 'rejected', reason: { code: 'directory_unavailable' } },
    { status: 'fulfilled', value: { conversationId } },
  ]);
});

it(`at most ${executeLimits.waitingPerConversation} wait for one conversation: one more is told so, and the others keep their order`, async () => {
  let answer = () => {};
  const answered = new Promise<void>((resolve) => (answer = resolve));
  const slow: People = { ...people, byId: (userIds) => answered.then(() => people.byId(userIds)) };
  const limited = createExecute({ handle: commandsOver(temporary.store), people: slow, now: () => now });
  const { conversationId } = await accepted(ann, { type: 'CreateGroup', title: 'Friends', members: [] });
  const before = (await typesIn(conversationId)).length;
  const content = { kind: 'text', text: 'hello' } as const;
  const says: Wish = { type: 'SendMessage', conversationId, content, mentions: [] };
  const waiting = [
    limited({ id: fresh(), by: ann }, { type: 'AddMembers', conversationId, userIds: [ben] }),
    ...Array.from({ length: executeLimits.waitingPerConversation - 1 }, () =>
      limited({ id: fresh(), by: ann }, says),
    ),
  ];
  await expect(limited({ id: fresh(), by: ann }, says)).rejects.toMatchObject({ code: 'overloaded' });
  const another = await accepted(ann, { type: 'CreateGroup', title: 'Others', members: [] });
  await limited({ id: fresh(), by: ann }, { ...says, conversationId: another.conversationId });
  answer();
  expect(await Promise.all(waiting)).toEqual(waiting.map((_, n) => ({ conversationId, seq: before + n })));
  expect(await limited({ id: fresh(), by: ann }, says)).toMatchObject({ seq: before + waiting.length });
});

it('what happens carries who asked, when, and how the request can be traced', async () => {
  const { conversationId } = await accepted(ann, { type: 'CreateGroup', title: 'Friends', members: [] });
  const meta = { correlationId: 'c', deviceId: 'd' };
  const content = { kind: 'text', text: 'hello' } as const;
  await execute({ id: 'm', by: ann, meta }, { type: 'SendMessage', conversationId, content, mentions: [] });
  const last = (await wholeStream(temporary.store, conversationId)).at(-1);
  if (!last) throw new Error('nothing was sent');
  expect(conversationCodec.decode(last.type, last.data)).toMatchObject({
    by: ann,
    at: now,
    clientId: 'm',
    content,
  });
  expect(decodeMeta(last.meta)).toEqual(meta);
});

it('a stranger learns nothing of a conversation: to them it is not there', async () => {
  const { conversationId } = await accepted(ann, { type: 'CreateGroup', title: 'Friends', members: [ben] });
  const content = { kind: 'text', text: 'hello' } as const;
  const there = await execute(
    { id: fresh(), by: cat },
    { type: 'SendMessage', conversationId, content, mentions: [] },
  );
  const nowhere = await execute(
    { id: fresh(), by: cat },
    { type: 'SendMessage', conversationId: hashedUlid('nowhere'), content, mentions: [] },
  );
  expect(there).toEqual(nowhere);
  expect(there).toMatchObject({ rejected: 'conversation_not_found' });
});
