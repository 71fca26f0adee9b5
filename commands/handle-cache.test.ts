import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConversationCommand } from '../domain/conversation-command.ts';
import type { ConversationId } from '../domain/id.ts';
import { type EventStore, StoreUnavailable } from '../domain/ports/event-store.ts';
import {
  commandsOver,
  type Fault,
  openTemporaryStore,
  withFaults,
  withReads,
} from '../infra/testing/command-side.ts';
import { hashedUlid } from './conversation-id.ts';

let temporary: Awaited<ReturnType<typeof openTemporaryStore>>;
let store: EventStore;
beforeAll(async () => {
  temporary = await openTemporaryStore();
  store = temporary.store;
});
afterAll(() => temporary[Symbol.asyncDispose]());

const [ann, ben] = [hashedUlid('ann'), hashedUlid('ben')];
const says = (id: string, text = id): ConversationCommand => ({
  id,
  by: ann,
  at: 0,
  type: 'SendMessage',
  content: { kind: 'text', text },
  mentions: [],
});
let made = 0;
const founded = async (): Promise<ConversationId> => {
  const conversationId = hashedUlid('cached', String((made += 1)));
  const create = { id: 'create', by: ann, at: 0, type: 'StartDirect', with: ben } as const;
  await commandsOver(store)(conversationId, create);
  return conversationId;
};
/** The seq of the first message. */
const FIRST = 3;

describe('of a stream that is known already', () => {
  it('only what another writer has added is read, as often as one is overtaken', async () => {
    const conversationId = await founded();
    const reads: number[] = [];
    const mine = commandsOver(withReads(store, (from) => reads.push(from)));
    const theirs = commandsOver(store);
    await mine(conversationId, says('m0'));
    await theirs(conversationId, says('t0'));
    await theirs(conversationId, says('t1'));
    expect(await mine(conversationId, says('m1'))).toMatchObject({ seq: FIRST + 3 });
    await theirs(conversationId, says('t2'));
    expect(await mine(conversationId, says('m2'))).toMatchObject({ seq: FIRST + 5 });
    // Once whole, and then from what was next.
    expect(reads).toEqual([0, FIRST + 1, FIRST + 4]);
  });

  it('only the rest is read after an append of which nobody knows whether it happened', async () => {
    const conversationId = await founded();
    const reads: number[] = [];
    let fault: Fault;
    const failing = withFaults(
      withReads(store, (from) => reads.push(from)),
      () => fault,
      () => new StoreUnavailable('the test says so'),
    );
    const handle = commandsOver(failing);
    await handle(conversationId, says('m0'));
    fault = 'before';
    await expect(handle(conversationId, says('m1'))).rejects.toThrow(StoreUnavailable);
    fault = 'after';
    await expect(handle(conversationId, says('m1'))).rejects.toThrow(StoreUnavailable);
    fault = undefined;
    // A store takes the same ids at the same place for a repeat, whatever they say.
    expect(await handle(conversationId, says('m1', 'something else'))).toMatchObject({
      rejected: 'client_id_reused',
    });
    expect(await handle(conversationId, says('m1'))).toMatchObject({ seq: FIRST + 1 });
    expect(await handle(conversationId, says('m2'))).toMatchObject({ seq: FIRST + 2 });
    expect(reads).toEqual([0, FIRST + 1, FIRST + 1]);
  });

  it('everything is right although several commands were decided on what did not come to be', async () => {
    const conversationId = await founded();
    let fault: Fault;
    const handle = commandsOver(
      withFaults(
        store,
        () => fault,
        () => new StoreUnavailable('the test says so'),
      ),
    );
    await handle(conversationId, says('m0'));
    for (fault of ['before', 'after'] as const) {
      const lost = await Promise.allSettled(
        [says('m1'), says('m2')].map((one) => handle(conversationId, one)),
      );
      expect(lost.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    }
    fault = undefined;
    expect(await Promise.all(['m3', 'm2', 'm1'].map((id) => handle(conversationId, says(id))))).toMatchObject(
      [{ seq: FIRST + 3 }, { seq: FIRST + 2 }, { seq: FIRST + 1 }],
    );
  });
});

describe('the cache of states', () => {
  it('is not filled by ids of conversations that do not exist', async () => {
    const conversationId = await founded();
    let reads = 0;
    // Room for one or two.
    const handle = commandsOver(
      withReads(store, () => (reads += 1)),
      undefined,
      6_000,
    );
    await handle(conversationId, says('m0'));
    for (let n = 0; n < 20; n += 1) {
      const nowhere = hashedUlid('nowhere', String(n));
      expect(await handle(nowhere, says('m'))).toMatchObject({ rejected: 'conversation_not_found' });
    }
    reads = 0;
    await handle(conversationId, says('m1'));
    expect(reads).toBe(0);
  });

  it('weighs states by what they have become', async () => {
    const [grown, other] = [await founded(), await founded()];
    let reads = 0;
    const handle = commandsOver(
      withReads(store, () => (reads += 1)),
      undefined,
      200_000,
    );
    await handle(grown, says('m0'));
    await handle(other, says('m0', 'x'.repeat(10_000)));
    for (let n = 1; n < 10; n += 1) await handle(grown, says(`m${n}`, 'x'.repeat(10_000)));
    reads = 0;
    await handle(other, says('m1'));
    expect(reads).toBe(1);
  });
});
