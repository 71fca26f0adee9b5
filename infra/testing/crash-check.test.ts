import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { hashedUlid } from '../../commands/conversation-id.ts';
import { eventIdOf } from '../../commands/event-id.ts';
import { receiptsCodec } from '../../domain/codec.ts';
import { receiptsStreamOf } from '../../domain/id.ts';
import { NO_STREAM } from '../../domain/ports/event-store.ts';
import type { Command } from '../../gateways/protocol.ts';
import { runProjections } from '../../projections/run.ts';
import { projections } from '../../projections/all.ts';
import { commandsOver, openTemporaryStore } from './command-side.ts';
import { compareWithRebuild } from './compare.ts';
import { checkLog, checkReceipts, type Logged } from './crash-check.ts';
import type { ClientLog, Intent } from './crash-client.ts';
import { openTables } from '../tables/open.ts';

const [ann, ben, conversationId] = [hashedUlid('ann'), hashedUlid('ben'), hashedUlid('conversation')];
const FIRST = 3;

const says = (n: number): Command => {
  const content = { kind: 'text' as const, text: `text ${n}` };
  return { type: 'SendMessage', conversationId, content, mentions: [] };
};
const pin: Command = { type: 'PinMessage', conversationId, seq: FIRST };

/** A direct conversation in which ann sent three messages and pinned the first, and what she knows of it. */
const story = () => {
  const common = { by: ann, at: 0 };
  const logged: Logged[] = [
    {
      type: 'ConversationCreated' as const,
      ...common,
      kind: 'direct' as const,
      people: [ann, ben] as [string, string],
    },
    { type: 'MemberJoined' as const, ...common, userId: ann, role: 'member' as const },
    { type: 'MemberJoined' as const, ...common, userId: ben, role: 'member' as const },
  ].map((event, revision) => ({ id: `founding ${revision}`, revision, event }));
  const intents = new Map<string, Intent>();
  for (const [n, command] of [says(0), says(1), says(2), pin].entries()) {
    const seq = FIRST + n;
    const id = `k${n}`;
    const intent = { id, by: ann, device: 'd', command, attempts: 1, delayed: false };
    intents.set(id, { ...intent, answer: { conversationId, seq } });
    const event =
      command.type === 'SendMessage'
        ? { type: command.type, ...common, clientId: id, content: command.content, mentions: [] }
        : { type: 'MessagePinned' as const, ...common, seq: FIRST };
    logged.push({
      id: eventIdOf(conversationId, { ...command, ...common, id }, 0),
      revision: seq,
      event: event.type === 'SendMessage' ? { ...event, type: 'MessageSent' } : event,
    });
  }
  const log: ClientLog = { intents, marked: new Map(), sights: new Map(), problems: [] };
  const kinds = () => [
    ...new Set(checkLog(new Map([[conversationId, logged]]), log).map(({ kind }) => kind)),
  ];
  return { logged, log, kinds };
};

it('finds nothing wrong with a log that holds what was acknowledged', () => {
  const { log, logged, kinds } = story();
  const event = JSON.stringify(logged[FIRST]?.event);
  log.sights.set('seen', { conversationId, seq: FIRST, event });
  expect(kinds()).toEqual([]);
});

it('finds a message that is missing, and anything else that is missing', () => {
  const message = story();
  message.logged.splice(FIRST + 2);
  expect(message.kinds()).toEqual(['lost']);
  const pinned = story();
  pinned.logged.pop();
  expect(pinned.kinds()).toEqual(['lost']);
});

it('finds a message with another text, and one that nobody answered', () => {
  const { log, kinds } = story();
  const intent = log.intents.get('k1');
  if (!intent) throw new Error('no intent');
  log.intents.set('k1', { ...intent, command: says(7) });
  expect(kinds()).toEqual(['lost']);
  log.intents.set('k1', { ...intent, answer: undefined });
  expect(kinds()).toEqual(['lost']);
});

it('finds a message that is there twice', () => {
  const { logged, kinds } = story();
  const again = logged[FIRST];
  if (!again) throw new Error('no message');
  logged.push({ ...again, id: 'other', revision: logged.length });
  expect(kinds()).toEqual(['repeated']);
});

it('finds messages that changed places, and a gap', () => {
  const { logged, log, kinds } = story();
  const [first, second] = [log.intents.get('k0'), log.intents.get('k1')];
  const [one, two] = [logged[FIRST], logged[FIRST + 1]];
  if (!first || !second || !one || !two) throw new Error('no messages');
  [first.answer, second.answer] = [second.answer, first.answer];
  logged[FIRST] = { ...two, revision: FIRST };
  logged[FIRST + 1] = { ...one, revision: FIRST + 1 };
  expect(kinds()).toEqual(['reordered']);
  const gap = story();
  const last = gap.logged.pop();
  if (last) gap.logged.push({ ...last, revision: last.revision + 1 });
  expect(gap.kinds()).toContain('reordered');
});

it('finds what was seen live and is not in the log, and what was refused and done', () => {
  const live = story();
  live.log.sights.set('seen', { conversationId, seq: FIRST, event: '{}' });
  expect(live.kinds()).toEqual(['differing']);
  const refused = story();
  const intent = refused.log.intents.get('k3');
  if (intent) intent.answer = { code: 'not_allowed' };
  expect(refused.kinds()).toEqual(['differing']);
});

it('finds a mark that was told to be durable, and is not', async () => {
  await using temporary = await openTemporaryStore();
  const { store } = temporary;
  const streams = new Map([[conversationId, story().logged]]);
  const check = async (delivered: number, read: number, userId = ann) => {
    const marked = new Map([['told', { conversationId, userId, delivered, read }]]);
    return (await checkReceipts(store, streams, { marked })).map(({ kind }) => kind);
  };
  expect(await check(0, -1)).toEqual(['lost']);
  const marks = [{ userId: ann, delivered: 5, read: 4 }];
  const event = receiptsCodec.encode({ type: 'ReceiptsMoved', at: 0, marks });
  const bytes = { id: randomUUID(), ...event, meta: new Uint8Array() };
  await store.append(receiptsStreamOf(conversationId), NO_STREAM, [bytes]);
  for (const [delivered, read] of [
    [5, 4],
    [4, 3],
    [5, -1],
  ] as const)
    expect(await check(delivered, read)).toEqual([]);
  expect(await check(6, 4)).toEqual(['lost']);
  expect(await check(5, 5)).toEqual(['lost']);
  expect(await check(5, 5, hashedUlid('gone'))).toEqual([]);
});

it('finds items of the views that a rebuild has not, or has otherwise, or alone', async () => {
  await using temporary = await openTemporaryStore();
  const { store, folder } = temporary;
  const handle = commandsOver(store);
  const asked = { by: ann, at: 0 };
  await handle(conversationId, { ...asked, id: 'create', type: 'StartDirect', with: ben });
  await handle(conversationId, { ...asked, id: 'm', ...says(0) });
  {
    await using tables = openTables({ type: 'sqlite', dataDir: folder });
    await using running = runProjections({ store, tables, projections });
    expect(await running.reached(await store.end(), 10_000)).toBe(true);
  }
  expect(await compareWithRebuild(store, folder)).toEqual([]);
  const key = { pk: conversationId, sk: 'conversation' };
  {
    await using tables = openTables({ type: 'sqlite', dataDir: folder });
    await tables.write([
      { op: 'update', table: 'conversations', key, revision: FIRST + 1, set: { lastSeq: 77 } },
      { op: 'put', table: 'messages', item: { pk: 'ghost', sk: 'ghost', revision: 1 } },
    ]);
  }
  expect((await compareWithRebuild(store, folder)).map(({ item }) => item).sort()).toEqual([
    `conversations ${conversationId} conversation`,
    'messages ghost ghost',
  ]);
});
