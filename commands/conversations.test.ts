import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ConversationCommand } from '../domain/conversation-command.ts';
import { initial } from '../domain/conversation-state.ts';
import { START, eventLimits } from '../domain/ports/event-store.ts';
import { commandsOver, noTimeline, openTemporaryStore } from '../infra/testing/command-side.ts';
import { hashedUlid } from './conversation-id.ts';
import { createConversations, positionOf } from './conversations.ts';
import { createRecollection } from './recollection.ts';

const [ann, ben] = [hashedUlid('ann'), hashedUlid('ben')];
const conversationId = hashedUlid('long');
const pages = 3;

it('a long conversation is folded, and searched, without keeping everybody else waiting', async () => {
  await using temporary = await openTemporaryStore();
  const { store } = temporary;
  const handle = commandsOver(store);
  await handle(conversationId, { id: 'create', by: ann, at: 0, type: 'StartDirect', with: ben });
  const says = (_: unknown, n: number): ConversationCommand => {
    const content = { kind: 'text' as const, text: 'hello' };
    return { id: `m${n}`, by: ann, at: 0, type: 'SendMessage', content, mentions: [] };
  };
  const commands = Array.from({ length: pages * eventLimits.pageEvents }, says);
  await Promise.all(commands.map((command) => handle(conversationId, command)));

  /** How many turns of the event loop others got meanwhile. */
  const turnsDuring = async <T>(work: Promise<T>): Promise<{ turns: number; result: T }> => {
    let turns = 0;
    let over = false;
    const turn = () => {
      turns += 1;
      if (!over) setImmediate(turn);
    };
    setImmediate(turn);
    const result = await work.finally(() => (over = true));
    return { turns, result };
  };

  const folded = await turnsDuring(createConversations(store).get(conversationId));
  expect(folded.result.state.revision).toBe(commands.length + 2);
  expect(folded.turns).toBeGreaterThanOrEqual(pages);

  const recollection = createRecollection({ store, timeline: noTimeline });
  const found = await turnsDuring(recollection(conversationId, folded.result, { send: `${ann}/m0` }));
  expect(found.result).toMatchObject({ seq: 3, clientId: 'm0' });
  expect(found.turns).toBeGreaterThanOrEqual(pages);
});

it('the position of a revision is that of the first mark at or after it, or else the last mark', () => {
  const revisions = fc.uniqueArray(fc.nat(50)).map((some) => some.sort((a, b) => a - b));
  fc.assert(
    fc.property(revisions, fc.integer({ min: -1, max: 60 }), (some, revision) => {
      const marks = some.map((one) => ({ revision: one, position: `p${one}` }));
      const mark = marks.find((one) => one.revision >= revision) ?? marks.at(-1);
      expect(positionOf({ state: initial(), marks }, revision)).toBe(mark?.position ?? START);
    }),
  );
});
