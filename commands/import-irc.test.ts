import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { conversationCodec } from '../domain/codec.ts';
import { streamOf } from '../domain/id.ts';
import { limits } from '../domain/limits.ts';
import type { Directory } from '../domain/ports/directory.ts';
import { type EventStore, eventLimits } from '../domain/ports/event-store.ts';
import { openDirectory } from '../infra/directory/open.ts';
import { openEventStore } from '../infra/event-store/open.ts';
import { createConversations } from './conversations.ts';
import { type Handle, createHandle } from './handle.ts';
import { AnotherLog, addIrcPeople, importIrcLog } from './import-irc.ts';
import { type IrcLine, type IrcLog, ircConversationId, ircUserId, nicksOf } from './irc-plan.ts';

let folder: string;
let store: EventStore;
let directory: Directory;
let handle: Handle;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parlance-import-'));
  store = await openEventStore({ type: 'sqlite', dataDir: folder });
  directory = await openDirectory({ type: 'sqlite', dataDir: folder });
  // Each line is new: nothing old is ever asked for.
  handle = createHandle({
    store,
    conversations: createConversations(store),
    recollection: async () => undefined,
  });
});

afterEach(async () => {
  await directory[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

type Said = IrcLine extends infer L ? (L extends unknown ? Omit<L, 'line' | 'at'> : never) : never;
const date = Date.UTC(2005, 5, 16);
const logOf = (said: readonly Said[], name = '2005-06-16.txt'): IrcLog => {
  const lines = said.map((entry, index) => ({ ...entry, line: index + 1, at: date + 60_000 * index }));
  return { name, date, channel: '#c', lines, skipped: [] };
};
const says = (nick: string, text: string): Said => ({ kind: 'message', nick, text });
const title = '#c 2005-06-16';

const eventsOf = async (log: IrcLog) => {
  const all = [];
  for (let from = 0; ; from += eventLimits.pageEvents) {
    const page = await store.read(streamOf(ircConversationId(log)), { from });
    all.push(...page.map(({ type, data }) => conversationCodec.decode(type, data)));
    if (page.length < eventLimits.pageEvents) return all;
  }
};

const day = logOf([
  { kind: 'join', nick: 'Ann' },
  { kind: 'leave', nick: 'stranger' },
  says('bob', 'ann: hello'),
  { kind: 'action', nick: 'ANN', text: 'waves' },
  { kind: 'rename', nick: 'bob', to: 'bob_away' },
  { kind: 'rename', nick: 'ann', to: 'Ann' },
  { kind: 'topic', text: 'Be nice' },
  says('ann', 'bob: bye'),
  { kind: 'leave', nick: 'ann' },
  says('ann', ''),
]);

test('a log becomes a group with its people, its membership and its messages at their times', async () => {
  const imported = await importIrcLog({ store, handle }, day, { title });
  expect(imported).toMatchObject({ messages: 4, added: 4, stored: 4, notes: [], failed: [] });
  const [ann, bob, away] = [ircUserId('ann'), ircUserId('bob'), ircUserId('bob_away')];
  const story = (await eventsOf(day)).map((event) => [
    event.type,
    (event.at - date) / 60_000,
    'userId' in event ? event.userId : event.type === 'MessageSent' ? event.by : undefined,
    ...(event.type === 'MessageSent' ? [event.content.kind, event.content.text, event.mentions] : []),
  ]);
  expect(story).toEqual([
    ['ConversationCreated', 0, undefined],
    ['MemberJoined', 0, ann],
    ['MemberJoined', 2, bob],
    ['MessageSent', 2, bob, 'text', 'ann: hello', [ann]],
    ['MessageSent', 3, ann, 'action', 'waves', []],
    ['MemberLeft', 4, bob],
    ['MemberJoined', 4, away],
    ['TopicChanged', 6, undefined],
    ['MessageSent', 7, ann, 'text', 'bob: bye', []],
    ['MemberLeft', 8, ann],
    ['MemberJoined', 9, ann],
    ['MessageSent', 9, ann, 'text', '', []],
  ]);
});

test('a second import adds nothing, and a log that has grown only what is new', async () => {
  await importIrcLog({ store, handle }, day, { title });
  const before = await eventsOf(day);
  expect(await importIrcLog({ store, handle }, day, { title: 'another' })).toMatchObject({
    added: 0,
    stored: 4,
  });
  expect(await eventsOf(day)).toEqual(before);
  const grown = logOf([...day.lines, says('bob', 'good morning')]);
  expect(await importIrcLog({ store, handle }, grown, { title })).toMatchObject({
    messages: 5,
    added: 1,
    stored: 5,
  });
  expect((await eventsOf(day)).slice(before.length).map(({ type }) => type)).toEqual([
    'MemberJoined',
    'MessageSent',
  ]);
});

test('an import that was interrupted anywhere goes on where it was', async () => {
  const talk = logOf(
    Array.from({ length: 300 }, (_, i): Said => {
      const nick = `n${i % 7}`;
      if (i % 11 === 3) return { kind: 'leave', nick };
      return i % 13 === 5 ? { kind: 'rename', nick, to: `m${i % 5}` } : says(nick, `n${(i * 3) % 7}: ${i}`);
    }),
    '2005-06-16.whole.txt',
  );
  const whole = await importIrcLog({ store, handle }, talk, { title });
  const expected = await eventsOf(talk);
  for (const [run, stops] of [[1], [2, 3], [57, 58, 120], [expected.length - 1], [200, 31]].entries()) {
    const name = `2005-06-16.${run}.txt`;
    const broken = { ...talk, name };
    for (const stop of stops) {
      let left = stop;
      const dying: Handle = (id, command) =>
        left-- > 0 ? handle(id, command) : Promise.reject(new Error('killed'));
      const { failed, stored } = await importIrcLog({ store, handle: dying }, broken, { title });
      expect(failed[0]?.reason).toBe('killed');
      expect(stored).toBeLessThan(whole.messages);
    }
    expect(await importIrcLog({ store, handle }, broken, { title })).toMatchObject({
      stored: whole.messages,
      failed: [],
    });
    expect(await eventsOf(broken)).toEqual(expected);
  }
});

test('of 1,200 speakers those who were silent longest make room, and the owner keeps a seat', async () => {
  await directory.people.add(
    { userId: ircUserId('boss'), username: 'boss', displayName: 'Boss', createdAt: 1 },
    'hash',
  );
  const crowd = logOf([
    ...Array.from({ length: 1200 }, (_, i) => says(`n${i}`, 'hi')),
    says('n1100', 'still here'),
  ]);
  const owner = ircUserId('boss');
  const imported = await importIrcLog({ store, handle }, crowd, { title, owner });
  expect(imported).toMatchObject({ messages: 1201, added: 1201, stored: 1201, failed: [] });
  expect(imported.notes).toHaveLength(201);
  expect(imported.notes[0]).toEqual({ line: limits.members, reason: 'n0 left to make room for n999' });
  const members = new Map<string, string>();
  for (const event of await eventsOf(crowd)) {
    if (event.type === 'MemberJoined') members.set(event.userId, event.role);
    if (event.type === 'MemberLeft') members.delete(event.userId);
    expect(members.size).toBeLessThanOrEqual(limits.members);
  }
  expect([members.size, members.get(owner), members.has(ircUserId('n200'))]).toEqual([
    limits.members,
    'owner',
    false,
  ]);
});

test('an owner who comes later is added by the next import, once', async () => {
  const owner = ircUserId('boss');
  await importIrcLog({ store, handle }, day, { title });
  for (const _ of [1, 2]) await importIrcLog({ store, handle }, day, { title, owner });
  expect(
    (await eventsOf(day)).filter((event) => event.type === 'MemberJoined' && event.userId === owner),
  ).toHaveLength(1);
});

test('nicks are people whatever their case, by their first spelling, under a name of their own', async () => {
  const log = logOf([
    says('[Ann]', 'a'),
    says('{ANN}', 'b'),
    says('a b', 'c'),
    says('a_b', 'd'),
    says('ﬀ', 'e'),
    says('ff', 'f'),
  ]);
  const nicks = nicksOf(log);
  expect([...nicks.values()].map(({ nick }) => nick)).toEqual(['[Ann]', 'a b', 'a_b', 'ﬀ', 'ff']);
  for (const _ of [1, 2]) await addIrcPeople(directory.people, nicks);
  const users = await directory.people.byId([...nicks.keys()]);
  expect(users.map((user) => user?.displayName)).toEqual(['[Ann]', 'a b', 'a_b', 'ﬀ', 'ff']);
  expect(users.map((user) => user?.username.replace(/~.{6}/, '~'))).toEqual([
    '[Ann]@irc',
    'a_b@irc',
    'a_b~@irc',
    'ﬀ@irc',
    'ff~@irc',
  ]);
});

test('another log under the same name is refused, and changes nothing', async () => {
  await addIrcPeople(directory.people, nicksOf(day));
  await importIrcLog({ store, handle }, day, { title });
  const before = await eventsOf(day);
  const other = logOf(
    [says('zed', 'one'), says('yan', 'two'), says('zed', 'three'), says('yan', 'four')],
    day.name,
  );
  await addIrcPeople(directory.people, nicksOf(other));
  await expect(importIrcLog({ store, handle }, other, { title })).rejects.toThrow(AnotherLog);
  expect(await eventsOf(day)).toEqual(before);
});
