import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTestClock } from '../../infra/testing/clock.ts';
import type { ClientFrame, Draft } from '../protocol.ts';
import { createDrafts } from './drafts.ts';
import { times } from './times.ts';

type Said = Extract<ClientFrame, { type: 'draft' }>;

/** A device with a connection that may be away, and what it shows of each conversation. */
const device = () => {
  const clock = createTestClock();
  const said: Said[] = [];
  const shown = new Map<string, string>();
  const state = { online: true };
  const drafts = createDrafts({
    clock,
    times,
    send: (frame) => {
      if (state.online && frame.type === 'draft') said.push(frame);
      return state.online;
    },
    onDraft: ({ conversationId, text }) => void shown.set(conversationId, text),
  });
  const write = (conversationId: string, text: string) => {
    shown.set(conversationId, text);
    drafts.save(conversationId, text, undefined);
  };
  const texts = () => said.map(({ text }) => text);
  return { clock, drafts, said, shown, state, write, texts };
};
let at = 0;
const draft = (text: string, more: Partial<Draft> = {}): Draft => ({
  conversationId: 'c1',
  text,
  at: (at += 1),
  ...more,
});

describe('drafts', () => {
  it('are said after a pause, and at once when nothing is left of them', async () => {
    const { clock, write, texts } = device();
    for (const text of ['h', 'he', 'hel']) {
      write('c1', text);
      await clock.advance(times.draft - 1);
    }
    expect(texts()).toEqual([]);
    await clock.advance(1);
    write('c1', '');
    expect(texts()).toEqual(['hel', '']);
  });

  it('are shown as they come from another device, unless something was written here since', async () => {
    const { clock, drafts, shown, write } = device();
    drafts.heard(draft('theirs'));
    expect(shown.get('c1')).toBe('theirs');
    write('c1', 'mine');
    drafts.heard(draft('theirs, older'));
    await clock.advance(times.draft);
    drafts.heard(draft('theirs, older too'));
    expect(shown.get('c1')).toBe('mine');
    drafts.heard(draft('mine'));
    drafts.heard(draft('theirs, newer'));
    expect(shown.get('c1')).toBe('theirs, newer');
  });

  it('are said again on the next connection when they were lost on the way, and overwritten by nothing older', async () => {
    const { clock, drafts, shown, state, write, texts } = device();
    write('c1', 'said into a dead connection');
    await clock.advance(times.draft);
    state.online = false;
    write('c2', 'written without one');
    await clock.advance(times.draft);
    state.online = true;
    drafts.resume();
    drafts.heard(draft(''));
    expect(texts()).toEqual([
      'said into a dead connection',
      'said into a dead connection',
      'written without one',
    ]);
    expect(shown.get('c1')).toBe('said into a dead connection');
  });

  it('are not overwritten by what a server knows that was killed before it had written them', async () => {
    const { clock, drafts, shown, write } = device();
    const lost = draft('typed to the end');
    drafts.heard(draft('typed', { at: lost.at - 1 }));
    write('c1', lost.text);
    await clock.advance(times.draft);
    drafts.heard(lost);
    drafts.heard(draft('typed', { at: lost.at - 1 }));
    expect(shown.get('c1')).toBe('typed to the end');
  });

  it('are heard when they come back as they are, not as they were', async () => {
    const { clock, drafts, write, texts } = device();
    write('c1', 'a');
    await clock.advance(times.draft);
    write('c1', 'ab');
    write('c1', 'a');
    drafts.heard(draft('a'));
    await clock.advance(times.draft);
    drafts.heard(draft('a', { replyTo: 3 }));
    await clock.advance(times.draftAgain);
    drafts.heard(draft('a'));
    await clock.advance(times.draftAgain);
    expect(texts()).toEqual(['a', 'a', 'a']);
  });

  it('are said on each new connection, but not before the pause of whoever is typing', async () => {
    const { clock, drafts, state, write, texts } = device();
    write('c1', 'h');
    drafts.resume();
    expect(texts()).toEqual([]);
    await clock.advance(times.draft);
    for (let connection = 0; connection < 8; connection += 1) drafts.resume();
    expect(texts()).toHaveLength(9);
    state.online = false;
    for (let n = 0; n < 120; n += 1) write(`c${n}`, `x${n}`);
    await clock.advance(times.draft);
    state.online = true;
    drafts.resume();
    expect(texts().slice(9)).toEqual(Array.from({ length: 100 }, (_, n) => `x${n + 20}`));
  });

  it('are given up when they never come back, so that others are shown again', async () => {
    const { clock, drafts, shown, write, texts } = device();
    write('c1', 'refused');
    await clock.advance(times.draft + 10 * times.draftAgain);
    expect(texts()).toHaveLength(5);
    drafts.heard(draft('theirs'));
    expect([shown.get('c1'), clock.waiting()]).toEqual(['theirs', 0]);
  });

  it('are said before the connection is closed, and nothing is left to do then', async () => {
    const { clock, drafts, write, texts } = device();
    write('c1', 'said');
    await clock.advance(times.draft);
    write('c2', 'just typed');
    drafts.close();
    expect(texts()).toEqual(['said', 'just typed']);
    expect(clock.waiting()).toBe(0);
  });

  it('are the same on two devices in the end, whatever is written, lost and late', async () => {
    const text = fc.constantFrom('', 'a', 'b', 'c');
    const step = fc.oneof(
      fc.record({ write: fc.nat(1), text }),
      fc.record({ pass: fc.constantFrom(100, 1000, 11_000) }),
      fc.record({ take: fc.nat(1) }),
      fc.record({ hear: fc.nat(1) }),
      fc.record({ cut: fc.nat(1) }),
      fc.record({ back: fc.nat(1) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30, size: 'max' }), async (steps) => {
        const devices = [device(), device()] as const;
        const one = (n: number) => devices[n === 0 ? 0 : 1];
        let stored: Draft | undefined;
        const down: Draft[][] = [[], []];
        const take = (n: number) => {
          const frame = one(n).said.shift();
          if (!frame) return;
          stored = draft(frame.text);
          for (const [m, { state }] of devices.entries()) if (state.online) down[m]?.push(stored);
        };
        const hear = (n: number) => {
          const told = down[n]?.shift();
          if (told) one(n).drafts.heard(told);
        };
        const cut = (n: number) => {
          one(n).state.online = false;
          one(n).said.splice(0);
          down[n]?.splice(0);
        };
        const back = (n: number) => {
          if (one(n).state.online) return;
          one(n).state.online = true;
          one(n).drafts.resume();
          if (stored) down[n]?.push(stored);
        };
        const pass = async (ms: number) => {
          for (const { clock } of devices) await clock.advance(ms);
        };
        for (const what of steps) {
          if ('write' in what) one(what.write).write('c1', what.text);
          else if ('pass' in what) await pass(what.pass);
          else if ('take' in what) take(what.take);
          else if ('hear' in what) hear(what.hear);
          else if ('cut' in what) cut(what.cut);
          else back(what.back);
        }
        for (const n of [0, 1]) back(n);
        await pass(1000);
        while (devices.some(({ said }) => said.length > 0) || down.some((left) => left.length > 0)) {
          for (const n of [0, 1]) {
            take(n);
            hear(n);
          }
        }
        expect([devices[0].shown.get('c1'), devices[1].shown.get('c1')]).toEqual([
          stored?.text,
          stored?.text,
        ]);
      }),
      { numRuns: 300 },
    );
  });
});
