import { randomUUID } from 'node:crypto';
import { ulid } from 'ulid';
import { openAccounts } from '../../commands/accounts.ts';
import { directId } from '../../commands/conversation-id.ts';
import { openSession } from '../../commands/open-session.ts';
import { conversationCodec } from '../../domain/codec.ts';
import type { ConversationEvent } from '../../domain/conversation-event.ts';
import { type ConversationId, type UserId, streamOf } from '../../domain/id.ts';
import type { User } from '../../domain/ports/directory.ts';
import { type EventStore, NO_STREAM, type NewEvent } from '../../domain/ports/event-store.ts';
import { isRejection } from '../../domain/rejection.ts';
import { openCore } from '../core.ts';
import { openDirectory } from '../directory/open.ts';
import { openEventStore } from '../event-store/open.ts';
import { createLog } from '../log.ts';
import type { Person } from './dialect.ts';

// Fills a data folder before a server starts on it: four hundred sign-ups would spend most of a run on hashing passwords.

const HOURS = 3_600_000;
const BATCH = 1000;

const addPeople = async (dataDir: string, count: number): Promise<{ user: User; token: string }[]> => {
  await using directory = await openDirectory({ type: 'sqlite', dataDir });
  const accounts = openAccounts(directory, Date.now, { tokens: { lifetimeMs: 6 * HOURS } });
  const users: User[] = Array.from({ length: count }, (_, i) => {
    const at = Date.now();
    const userId = ulid();
    return {
      userId,
      username: userId.toLowerCase(),
      displayName: `Person ${i}`,
      role: 'member',
      createdAt: at,
    };
  });
  await directory.people.addMany(users);
  const people: { user: User; token: string }[] = [];
  for (const user of users)
    people.push({ user, token: (await openSession(accounts, user, 'bench')).accessToken });
  return people;
};

const stored = (event: ConversationEvent): NewEvent => ({
  id: randomUUID(),
  ...conversationCodec.encode(event),
  meta: new Uint8Array(0),
});

const addDirect = async (store: EventStore, a: UserId, b: UserId): Promise<ConversationId> => {
  const conversationId = directId(a, b);
  const at = Date.now();
  const events: ConversationEvent[] = [
    { type: 'ConversationCreated', by: a, at, kind: 'direct', people: a < b ? [a, b] : [b, a] },
    { type: 'MemberJoined', by: a, at, userId: a, role: 'member' },
    { type: 'MemberJoined', by: a, at, userId: b, role: 'member' },
  ];
  await store.append(streamOf(conversationId), NO_STREAM, events.map(stored));
  return conversationId;
};

/** Pairs of people, each with a direct conversation: 2p and 2p + 1 have the same. */
export const seedPairs = async (dataDir: string, pairs: number): Promise<Person[]> => {
  const people = await addPeople(dataDir, 2 * pairs);
  await using store = await openEventStore({ type: 'sqlite', dataDir });
  const conversations = await Promise.all(
    Array.from({ length: pairs }, (_, p) => {
      const [a, b] = [people[2 * p], people[2 * p + 1]];
      if (!a || !b) throw new RangeError('people are added in pairs');
      return addDirect(store, a.user.userId, b.user.userId);
    }),
  );
  return people.map(({ user, token }, i) => ({
    userId: user.userId,
    token,
    conversationId: conversations[i >> 1] ?? '',
  }));
};

/** People who are all in groups of `size`, one after the other. */
export const seedGroups = async (dataDir: string, groups: number, size: number): Promise<Person[]> => {
  const people = await addPeople(dataDir, groups * size);
  const log = createLog('warn');
  await using core = await openCore({ DATA_DIR: dataDir, STATE_CACHE_MB: 64 }, log);
  const seeded: Person[] = [];
  for (let g = 0; g < groups; g += 1) {
    const members = people.slice(g * size, (g + 1) * size);
    const [owner, ...others] = members.map(({ user }) => user.userId);
    if (owner === undefined) throw new RangeError('a group has an owner');
    const made = await core.execute(
      { id: `group-${g}`, by: owner },
      { type: 'CreateGroup', title: `Group ${g}`, members: others },
    );
    if (isRejection(made)) throw new Error(`a group of ${size} was refused: ${made.rejected}`);
    const { conversationId } = made;
    seeded.push(...members.map(({ user, token }) => ({ userId: user.userId, token, conversationId })));
  }
  return seeded;
};

/** One conversation with so many messages, and somebody who may read it. The first message is at seq 3. */
export const seedConversation = async (dataDir: string, messages: number): Promise<Person> => {
  const [a, b] = await addPeople(dataDir, 2);
  if (!a || !b) throw new RangeError('two people were to be added');
  await using store = await openEventStore({ type: 'sqlite', dataDir });
  const conversationId = await addDirect(store, a.user.userId, b.user.userId);
  await addMessages(store, conversationId, [a.user.userId, b.user.userId], messages);
  return { userId: a.user.userId, token: a.token, conversationId };
};

const addMessages = async (
  store: EventStore,
  conversationId: ConversationId,
  people: readonly UserId[],
  count: number,
) => {
  const stream = streamOf(conversationId);
  let revision = 2;
  for (let first = 0; first < count; first += BATCH) {
    const events = Array.from({ length: Math.min(BATCH, count - first) }, (_, i) =>
      stored({
        type: 'MessageSent',
        by: people[(first + i) % people.length] ?? '',
        at: Date.now(),
        clientId: `seed-${first + i}`,
        content: {
          kind: 'text',
          text: `message ${first + i}, about as long as what people write to each other`,
        },
        mentions: [],
      }),
    );
    ({ revision } = await store.append(stream, revision, events));
  }
};

/** A log of many conversations, with as many messages in all; no accounts. */
export const seedLog = async (store: EventStore, conversations: number, messages: number): Promise<void> => {
  await Promise.all(
    Array.from({ length: conversations }, async () => {
      const [a, b] = [ulid(), ulid()];
      await addMessages(store, await addDirect(store, a, b), [a, b], Math.round(messages / conversations));
    }),
  );
};
