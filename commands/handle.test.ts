import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { conversationCodec } from '../domain/codec.ts';
import { decide } from '../domain/conversation.ts';
import type { ConversationCommand } from '../domain/conversation-command.ts';
import { evolve, initial, missing, recall } from '../domain/conversation-state.ts';
import { type ConversationId, SYSTEM } from '../domain/id.ts';
import { limits } from '../domain/limits.ts';
import { type EventStore, eventLimits, StoreUnavailable } from '../domain/ports/event-store.ts';
import { isRejection } from '../domain/rejection.ts';
import {
  commandsOver,
  type Fault,
  openTemporaryStore,
  type Wish,
  wholeStream,
  withFaults,
} from '../infra/testing/command-side.ts';
import { hashedUlid } from './conversation-id.ts';
import { eventIdOf } from './event-id.ts';
import { type Acknowledgement, handleLimits } from './handle.ts';

let temporary: Awaited<ReturnType<typeof openTemporaryStore>>;
let other: Awaited<ReturnType<typeof openTemporaryStore>>;
let store: EventStore;
beforeAll(async () => {
  temporary = await openTemporaryStore();
  other = await openTemporaryStore();
  store = temporary.store;
});
afterAll(async () => {
  await temporary[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
});

const people = [1, 2, 3, 4, 5].map((n) => hashedUlid('person', String(n)));
const [ann = '', ben = ''] = people;
const at = 1_700_000_000_000;
let made = 0;
const freshId = (): ConversationId => hashedUlid('conversation', String((made += 1)));

const ask = (by: string, id: string, wish: Wish): ConversationCommand => ({ id, by, at, ...wish });
const says = (by: string, id: string, text = id): ConversationCommand =>
  ask(by, id, { type: 'SendMessage', content: { kind: 'text', text }, mentions: [] });
const founded = ask(ann, 'create', { type: 'CreateGroup', title: 'Friends', members: people });

const person = fc.constantFrom(...people);
const seq = fc.integer({ min: 0, max: 40 });
const text = fc.oneof(
  { weight: 9, arbitrary: fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }) },
  // Twenty of these push older messages out of the window.
  { weight: 1, arbitrary: fc.constantFrom('x', 'y').map((letter) => letter.repeat(60_000)) },
);
const content = fc.record({ kind: fc.constantFrom('text', 'action'), text });
const emoji = fc.constantFrom('👍', '🎉');
const title = fc.constantFrom('Friends', 'Foes');
const say = fc.record({
  type: fc.constant('SendMessage' as const),
  content,
  replyTo: fc.option(seq, { nil: undefined, freq: 4 }),
  mentions: fc.uniqueArray(person, { maxLength: 2 }),
});
const on = <T extends string>(...types: T[]) => fc.record({ type: fc.constantFrom(...types), seq });
const moderated = <T extends string>(...types: T[]) =>
  fc.record({ type: fc.constantFrom(...types), userId: person });

/** Anything a person may wish, sensible or not. */
const wish: fc.Arbitrary<Wish> = fc.oneof(
  { weight: 8, arbitrary: say },
  { weight: 2, arbitrary: on('RedactMessage', 'PinMessage', 'UnpinMessage') },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constantFrom('AddReaction', 'RemoveReaction'), seq, emoji }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('EditMessage'), seq, content, mentions: fc.constant([]) }),
  },
  { weight: 1, arbitrary: moderated('RemoveMember', 'BanMember', 'UnbanMember') },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('LeaveConversation') }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('ChangeRole'),
      userId: person,
      role: fc.constantFrom('owner', 'admin', 'member'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('AddMembers'),
      userIds: fc.uniqueArray(person, { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('RenameConversation'), title }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('SetTopic'), topic: title }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('CreateGroup'), title, members: fc.constant(people) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('StartDirect'), with: person }) },
);

/** A command for one of a few conversations. `repeats`: the one so many places before it once more. `pause` follows it. */
type Step = {
  readonly to: number;
  readonly by: string;
  readonly wish: Wish;
  readonly repeats: number;
  readonly pause: 'none' | 'turn' | 'all';
};
const steps = fc.array(
  fc.record<Step>({
    to: fc.integer({ min: 0, max: 3 }),
    by: person,
    wish,
    repeats: fc.oneof(
      { weight: 5, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 20 }) },
    ),
    pause: fc.constantFrom('none', 'none', 'none', 'turn', 'all'),
  }),
  { minLength: 10, maxLength: 80, size: 'max' },
);
type Sent = { readonly conversationId: ConversationId; readonly command: ConversationCommand };

const commandsOf = (some: readonly Step[]): Sent[] => {
  const conversations = [0, 1, 2, 3].map(freshId);
  const sent: Sent[] = conversations.map((conversationId) => ({ conversationId, command: founded }));
  for (const [index, { to, by, wish: wished, repeats }] of some.entries()) {
    const again = repeats > 0 ? sent.at(-repeats) : undefined;
    sent.push(again ?? { conversationId: conversations[to] ?? '', command: ask(by, `k${index}`, wished) });
  }
  return sent;
};

const contentsOf = async (from: EventStore, conversationId: ConversationId) =>
  (await wholeStream(from, conversationId)).map(({ revision, id, type, data, meta }) => ({
    revision,
    id,
    type,
    data: Buffer.from(data).toString(),
    meta: Buffer.from(meta).toString(),
  }));

describe('any interleaving', () => {
  it('of commands over several conversations gives the streams and answers of one by one', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (some) => {
        const sent = commandsOf(some);
        const together = commandsOver(store);
        const answers: Promise<unknown>[] = [];
        for (const [index, { conversationId, command }] of sent.entries()) {
          answers.push(together(conversationId, command));
          const pause = some[index]?.pause;
          if (pause === 'turn') await new Promise(setImmediate);
          if (pause === 'all') await Promise.all(answers);
        }
        const oneByOne = commandsOver(other.store);
        const expected: unknown[] = [];
        for (const { conversationId, command } of sent)
          expected.push(await oneByOne(conversationId, command));
        expect(await Promise.all(answers)).toEqual(expected);
        for (const conversationId of new Set(sent.map((one) => one.conversationId))) {
          expect(await contentsOf(store, conversationId)).toEqual(
            await contentsOf(other.store, conversationId),
          );
        }
      }),
      { numRuns: 40 },
    );
  }, 60_000);
});

describe('the same command again', () => {
  it('yields no new event when the decider sees it twice', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(person, wish), { minLength: 1, maxLength: 60, size: 'max' }), (some) => {
        const state = initial();
        for (const [index, [by, wished]] of [[ann, founded] as const, ...some].entries()) {
          const command = ask(by, `k${index}`, wished);
          // Nothing is forgotten here, so that what is missing was never sent.
          for (let what = missing(state, command); what; what = missing(state, command)) {
            recall(state, what, undefined);
          }
          const first = decide(state, command);
          if (isRejection(first)) continue;
          for (const event of first.events) evolve(state, event);
          const second = decide(state, command);
          expect('events' in second ? second.events : []).toEqual([]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('adds nothing to the stream, whatever happened in between, and hurts nobody else', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (some) => {
        const handle = commandsOver(store);
        const sent = commandsOf(some);
        const answers = await Promise.all(
          sent.map(({ conversationId, command }) => handle(conversationId, command)),
        );
        const conversations = [...new Set(sent.map(({ conversationId }) => conversationId))];
        const before = new Map<ConversationId, Awaited<ReturnType<typeof contentsOf>>>();
        for (const conversationId of conversations)
          before.set(conversationId, await contentsOf(store, conversationId));
        const stored = new Set([...before.values()].flat().map(({ id }) => id));
        // What changed nothing the first time may well do so now.
        const done = sent.filter(
          ({ conversationId, command }, index) =>
            !isRejection(answers[index] ?? {}) && stored.has(eventIdOf(conversationId, command, 0)),
        );
        // Among all the repeats each conversation gets a message that nothing speaks against.
        const neighbours = conversations.map((conversationId) => ({
          conversationId,
          command: says(SYSTEM, 'neighbour'),
        }));
        const again = [...done.slice(0, done.length / 2), ...neighbours, ...done.slice(done.length / 2)];
        await Promise.all(again.map(({ conversationId, command }) => handle(conversationId, command)));
        for (const [conversationId, contents] of before) {
          const after = await contentsOf(store, conversationId);
          expect(after.slice(0, contents.length)).toEqual(contents);
          expect(after.slice(contents.length).map(({ id }) => id)).toEqual([
            eventIdOf(conversationId, says(SYSTEM, 'neighbour'), 0),
          ]);
        }
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  it('is acknowledged and not done again when its opposite came in between', async () => {
    const handle = commandsOver(store);
    const conversationId = freshId();
    await handle(conversationId, founded);
    const { seq: message } = (await handle(conversationId, says(ann, 'm'))) as Acknowledgement;
    const react = ask(ben, 'r1', { type: 'AddReaction', seq: message, emoji: '👍' });
    await handle(conversationId, react);
    await handle(conversationId, ask(ben, 'r2', { type: 'RemoveReaction', seq: message, emoji: '👍' }));
    const [repeat, neighbour] = await Promise.all([
      handle(conversationId, react),
      handle(conversationId, says(ann, 'n')),
    ]);
    expect(repeat).not.toHaveProperty('rejected');
    expect(neighbour).toMatchObject({ conversationId });
    const stream = await wholeStream(store, conversationId);
    expect(stream.slice(message).map(({ type }) => type)).toEqual([
      'MessageSent',
      'ReactionAdded',
      'ReactionRemoved',
      'MessageSent',
    ]);
  });

  it('under the id of another kind of command is its own request, and hurts nobody else', async () => {
    const handle = commandsOver(store);
    const conversationId = freshId();
    await handle(conversationId, founded);
    const answers = await Promise.all([
      handle(conversationId, says(ann, 'same')),
      handle(conversationId, ask(ann, 'same', { type: 'SetTopic', topic: 'cake' })),
      handle(conversationId, ask(ann, 'same', { type: 'SetTopic', topic: 'tea' })),
      handle(conversationId, says(ben, 'neighbour')),
    ]);
    expect(answers.every((answer) => !isRejection(answer))).toBe(true);
    expect((await wholeStream(store, conversationId)).slice(-4).map(({ type }) => type)).toEqual([
      'MessageSent',
      'TopicChanged',
      'TopicChanged',
      'MessageSent',
    ]);
  });
});

describe('commands that wait together', () => {
  it('are appended at once', async () => {
    const appends: number[] = [];
    const counting: EventStore = {
      ...withFaults(
        store,
        () => undefined,
        () => new Error('no fault'),
      ),
      append: (stream, expected, events) => {
        appends.push(events.length);
        return store.append(stream, expected, events);
      },
    };
    const handle = commandsOver(counting);
    const conversationId = freshId();
    await handle(conversationId, founded);
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, n) => handle(conversationId, says(people[n % 5] ?? '', `k${n}`))),
    );
    expect(appends).toEqual([people.length + 1, 300]);
    expect(answers).toEqual(answers.map((_, n) => ({ conversationId, seq: people.length + 1 + n })));
  });

  it('are split where an append would be too large', async () => {
    const sizes: number[] = [];
    const measuring: EventStore = {
      ...withFaults(
        store,
        () => undefined,
        () => new Error('no fault'),
      ),
      append: (stream, expected, events) => {
        sizes.push(events.reduce((sum, { data, meta }) => sum + data.length + meta.length, 0));
        return store.append(stream, expected, events);
      },
    };
    const handle = commandsOver(measuring);
    const conversationId = freshId();
    await handle(conversationId, founded);
    const texts = Array.from({ length: 50 }, (_, n) => String.fromCharCode(97 + (n % 26)).repeat(60_000));
    const answers = await Promise.all(texts.map((one, n) => handle(conversationId, says(ann, `k${n}`, one))));
    expect(answers).toEqual(texts.map((_, n) => ({ conversationId, seq: people.length + 1 + n })));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(eventLimits.appendBytes);
    expect(sizes.length).toBeLessThan(10);
  });

  it('do not suffer from one that is too large to be stored', async () => {
    const handle = commandsOver(store);
    const conversationId = freshId();
    await handle(conversationId, founded);
    const huge = '\u0001'.repeat(limits.textBytes);
    const [before, refused, after] = await Promise.all([
      handle(conversationId, says(ann, 'before')),
      handle(conversationId, says(ann, 'huge', huge)),
      handle(conversationId, says(ann, 'after')),
    ]);
    expect(refused).toMatchObject({ rejected: 'message_too_large' });
    expect([before, after]).toEqual([
      { conversationId, seq: people.length + 1 },
      { conversationId, seq: people.length + 2 },
    ]);
    const edit = ask(ann, 'edit', {
      type: 'EditMessage',
      seq: people.length + 1,
      content: { kind: 'text', text: huge },
      mentions: [],
    });
    expect(await handle(conversationId, edit)).toMatchObject({ rejected: 'message_too_large' });
  });

  it(`are at most ${handleLimits.waitingPerConversation} a conversation: one more is told so, and nothing is lost`, async () => {
    const handle = commandsOver(store);
    const conversationId = freshId();
    await handle(conversationId, founded);
    const commands = Array.from({ length: handleLimits.waitingPerConversation + 100 }, (_, n) =>
      says(ann, `k${n}`),
    );
    const answers = await Promise.allSettled(commands.map((command) => handle(conversationId, command)));
    const refused = commands.filter((_, index) => answers[index]?.status === 'rejected');
    expect(refused).toEqual(commands.slice(handleLimits.waitingPerConversation));
    expect(answers.at(-1)).toMatchObject({ reason: { code: 'overloaded' } });
    await Promise.all(refused.map((command) => handle(conversationId, command)));
    const sent = (await wholeStream(store, conversationId)).slice(people.length + 1);
    expect(sent.map(({ type, data }) => conversationCodec.decode(type, data))).toMatchObject(
      commands.map(({ id }) => ({ clientId: id })),
    );
  }, 60_000);
});

/** What a stream's messages are called, in order. */
const clientIdsIn = async (conversationId: ConversationId): Promise<string[]> => {
  const stream = await wholeStream(store, conversationId);
  expect(stream.map(({ revision }) => revision)).toEqual(stream.map((_, index) => index));
  return stream.flatMap(({ type, data }) => {
    const event = conversationCodec.decode(type, data);
    return event.type === 'MessageSent' ? [event.clientId] : [];
  });
};

describe('several writers', () => {
  it('of the same conversations lose and repeat nothing, though each repeats what the other one got', async () => {
    const [left, right] = [commandsOver(store), commandsOver(store)];
    const conversations = Array.from({ length: 8 }, freshId);
    await Promise.all(conversations.map((conversationId) => left(conversationId, founded)));
    const rounds = 12;
    const acknowledged: { conversationId: string; id: string; seqs: unknown[] }[] = [];
    for (let round = 0; round < rounds; round += 1) {
      await Promise.all(
        conversations.flatMap((conversationId) =>
          [0, 1, 2].map(async (n) => {
            const id = `${round}.${n}`;
            const command = says(people[n] ?? '', id);
            const both = n === 0 ? [left, right] : [n === 1 ? left : right];
            const answers = await Promise.all(both.map((handle) => handle(conversationId, command)));
            acknowledged.push({
              conversationId,
              id,
              seqs: answers.map((answer) => 'seq' in answer && answer.seq),
            });
          }),
        ),
      );
    }
    for (const conversationId of conversations) {
      const mine = acknowledged.filter((one) => one.conversationId === conversationId);
      const inOrder = await clientIdsIn(conversationId);
      expect([...inOrder].sort()).toEqual(mine.map(({ id }) => id).sort());
      for (const { id, seqs } of mine) {
        expect(new Set(seqs)).toEqual(new Set([people.length + 1 + inOrder.indexOf(id)]));
      }
    }
  });
});

describe('a store that fails', () => {
  const faults = fc.infiniteStream(
    fc.oneof(
      { weight: 2, arbitrary: fc.constant<Fault>(undefined) },
      { weight: 1, arbitrary: fc.constantFrom<Fault>('before', 'after') },
    ),
  );

  it('before or after it has written makes commands fail, and their repeats are done exactly once', async () => {
    await fc.assert(
      fc.asyncProperty(steps, faults, async (some, stream) => {
        const failing = withFaults(
          store,
          () => stream.next().value as Fault,
          () => new StoreUnavailable('the test says so'),
        );
        const handle = commandsOver(failing);
        const sent = commandsOf(some);
        const persist = async ({ conversationId, command }: Sent): Promise<object> => {
          for (;;) {
            try {
              return await handle(conversationId, command);
            } catch (error) {
              if (!(error instanceof StoreUnavailable)) throw error;
            }
          }
        };
        const answers = await Promise.all(sent.map(persist));
        const acknowledged = new Map<string, unknown>();
        for (const [index, { conversationId, command }] of sent.entries()) {
          const answer = answers[index];
          if (command.type !== 'SendMessage' || !answer || isRejection(answer)) continue;
          acknowledged.set(`${conversationId} ${command.by} ${command.id}`, answer);
        }
        const found = new Map<string, unknown>();
        for (const conversationId of new Set(sent.map((one) => one.conversationId))) {
          for (const { revision, type, data } of await wholeStream(store, conversationId)) {
            const event = conversationCodec.decode(type, data);
            if (event.type !== 'MessageSent') continue;
            const key = `${conversationId} ${event.by} ${event.clientId}`;
            expect(found.has(key)).toBe(false);
            found.set(key, { conversationId, seq: revision });
          }
        }
        expect(found).toEqual(acknowledged);
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
