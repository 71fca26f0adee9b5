import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConversationCommand } from '../domain/conversation-command.ts';
import { messageWindow, type Missing, sendKey } from '../domain/conversation-state.ts';
import { type ConversationId, streamOf } from '../domain/id.ts';
import type { EventStore } from '../domain/ports/event-store.ts';
import { TablesUnavailable } from '../domain/ports/tables.ts';
import {
  commandsOver,
  noTimeline,
  openTemporaryStore,
  type Wish,
  wholeStream,
  withReads,
} from '../infra/testing/command-side.ts';
import { conversationCommands } from '../infra/testing/conversation-arbitrary.ts';
import { temporaryTables } from '../infra/testing/read-side.ts';
import * as messages from '../projections/messages.ts';
import { runProjections } from '../projections/run.ts';
import { hashedUlid } from './conversation-id.ts';
import { createConversations } from './conversations.ts';
import { createRecollection, type Timeline } from './recollection.ts';

let temporary: Awaited<ReturnType<typeof openTemporaryStore>>;
let tables: Awaited<ReturnType<typeof temporaryTables>>;
let running: ReturnType<typeof runProjections>;
let store: EventStore;
let view: Timeline;
beforeAll(async () => {
  temporary = await openTemporaryStore();
  store = temporary.store;
  tables = await temporaryTables();
  running = runProjections({ store, tables, projections: [messages.messages] });
  view = {
    complete: async (conversationId, position, timeoutMs) =>
      (await running.reached(position, timeoutMs)) && !running.isParked('messages', streamOf(conversationId)),
    sentAs: (conversationId, key) => messages.sentAs(tables, conversationId, key),
    message: async (conversationId, seq) => (await messages.byId(tables, conversationId, [seq]))[0],
  };
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  await tables[Symbol.asyncDispose]();
  await temporary[Symbol.asyncDispose]();
});

const unavailable = () => Promise.reject(new TablesUnavailable('the test says so'));
const views: Record<string, () => Timeline> = {
  complete: () => view,
  'behind or parked': () => noTimeline,
  'out of reach': () => ({ complete: unavailable, sentAs: unavailable, message: unavailable }),
  'out of reach after it said that it is complete': () => ({
    complete: async () => true,
    sentAs: unavailable,
    message: unavailable,
  }),
};

const [ann, ben] = [hashedUlid('ann'), hashedUlid('ben')];
const at = 1_700_000_000_000;
let made = 0;
const freshId = (): ConversationId => hashedUlid('long', String((made += 1)));
const ask = (by: string, id: string, wish: Wish): ConversationCommand => ({ id, by, at, ...wish });
const says = (id: string, text = id, replyTo?: number): ConversationCommand =>
  ask(ann, id, { type: 'SendMessage', content: { kind: 'text', text }, replyTo, mentions: [] });
const edits = (id: string, seq: number, text: string): ConversationCommand =>
  ask(ann, id, { type: 'EditMessage', seq, content: { kind: 'text', text }, mentions: [] });

/** The seq of the first of many messages; after it, so many more were sent that the window has passed them by. */
const FIRST = 3;
const older = 8;

/** A conversation whose first messages were edited, redacted and reacted to before everybody forgot them. */
const longConversation = async (): Promise<ConversationId> => {
  const conversationId = freshId();
  const handle = commandsOver(store);
  await handle(conversationId, ask(ann, 'create', { type: 'StartDirect', with: ben }));
  await Promise.all(Array.from({ length: older }, (_, n) => handle(conversationId, says(`m${n}`))));
  await handle(conversationId, edits('e1', FIRST + 1, 'edited'));
  await handle(conversationId, ask(ann, 'e2', { type: 'RedactMessage', seq: FIRST + 2 }));
  await handle(conversationId, ask(ben, 'e3', { type: 'AddReaction', seq: FIRST + 3, emoji: '👍' }));
  const rest = Array.from({ length: messageWindow.messages + 20 }, (_, n) => says(`later${n}`));
  await Promise.all(rest.map((command) => handle(conversationId, command)));
  return conversationId;
};

describe.each(Object.entries(views))('with a view that is %s', (_, timeline) => {
  it('an old message is sent, edited, reacted to and pinned as if it were new', async () => {
    const conversationId = await longConversation();
    const before = (await wholeStream(store, conversationId)).length;
    // As a process just started: it knows nothing but the stream.
    const handle = commandsOver(store, timeline());
    const answers = [];
    for (const command of [
      says('m0'),
      says('m0', 'something else'),
      says('m1'),
      edits('f1', FIRST + 1, 'edited'),
      edits('f2', FIRST + 1, 'edited again'),
      edits('f3', FIRST + 2, 'redacted'),
      ask(ben, 'f4', { type: 'AddReaction', seq: FIRST + 3, emoji: '👍' }),
      ask(ben, 'f5', { type: 'RemoveReaction', seq: FIRST + 3, emoji: '👍' }),
      ask(ben, 'f6', { type: 'RemoveReaction', seq: FIRST + 3, emoji: '👍' }),
      ask(ben, 'f7', { type: 'PinMessage', seq: FIRST + 4 }),
      ask(ben, 'f8', { type: 'PinMessage', seq: FIRST + 2 }),
      says('reply', 'reply', FIRST),
      says('reply to no message', 'reply', 1),
      says('m7'),
    ]) {
      answers.push(await handle(conversationId, command));
    }
    expect(answers).toMatchObject([
      { seq: FIRST },
      { rejected: 'client_id_reused' },
      { seq: FIRST + 1 },
      { seq: before - 1 },
      { seq: before },
      { rejected: 'message_redacted' },
      { seq: before },
      { seq: before + 1 },
      { seq: before + 1 },
      { seq: before + 2 },
      { rejected: 'message_redacted' },
      { seq: before + 3 },
      { rejected: 'message_not_found' },
      { seq: FIRST + 7 },
    ]);
    const added = (await wholeStream(store, conversationId)).slice(before).map(({ type }) => type);
    expect(added).toEqual(['MessageEdited', 'ReactionRemoved', 'MessagePinned', 'MessageSent']);
  });

  it('old messages that are repeated among new ones are told apart from them', async () => {
    const conversationId = await longConversation();
    const before = (await wholeStream(store, conversationId)).length;
    const handle = commandsOver(store, timeline());
    const together = Array.from({ length: older }, (_unused, n) => [says(`m${n}`), says(`new${n}`)]).flat();
    const answers = await Promise.all(together.map((command) => handle(conversationId, command)));
    expect(answers).toEqual(
      together.map((_unused, n) => ({
        conversationId,
        seq: (n % 2 === 0 ? FIRST : before) + Math.floor(n / 2),
      })),
    );
    expect(await wholeStream(store, conversationId)).toHaveLength(before + older);
  });
});

it('view and stream remember the same of every message and every send, whatever happened', async () => {
  await fc.assert(
    fc.asyncProperty(conversationCommands(), async (commands) => {
      const conversationId = freshId();
      const handle = commandsOver(store);
      await Promise.all(commands.map((command) => handle(conversationId, command)));
      const conversation = await createConversations(store).get(conversationId);
      const [fromView, fromStream] = [view, noTimeline].map((timeline) =>
        createRecollection({ store, timeline }),
      );
      const wanted: Missing[] = [
        ...Array.from({ length: conversation.state.revision + 2 }, (_, message) => ({ message })),
        ...commands.map(({ by, id }) => ({ send: sendKey(by, id) })),
      ];
      for (const what of wanted) {
        expect(await fromView?.(conversationId, conversation, what)).toEqual(
          await fromStream?.(conversationId, conversation, what),
        );
      }
    }),
    { numRuns: 40 },
  );
}, 60_000);

it('a view that is behind is waited for once, and the stream is read once for many new messages', async () => {
  const conversationId = await longConversation();
  const waits: number[] = [];
  const behind: Timeline = {
    ...noTimeline,
    complete: async (_conversationId, _position, timeoutMs) => {
      waits.push(timeoutMs);
      return false;
    },
  };
  let reads = 0;
  const counting = withReads(store, () => (reads += 1));
  const handle = commandsOver(counting, behind);
  await Promise.all(Array.from({ length: 300 }, (_, n) => handle(conversationId, says(`new${n}`))));
  expect(waits.filter((ms) => ms > 0)).toHaveLength(1);
  expect(reads).toBeLessThan(5);
});
