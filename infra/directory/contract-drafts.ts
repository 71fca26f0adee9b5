import fc from 'fast-check';
import { ulid } from 'ulid';
import { describe, expect, it } from 'vitest';
import { type Directory, type Draft, draftLimits } from '../../domain/ports/directory.ts';

const { unfinished, removed, remembered } = draftLimits;
const byAge = (a: Draft, b: Draft) => b.at - a.at || (b.conversationId < a.conversationId ? -1 : 1);

/** The part of the directory's contract about drafts. */
export const draftsContract = (directory: () => Directory): void => {
  const put = (userId: string, ...drafts: readonly Draft[]) =>
    directory().drafts.put(drafts.map((draft) => ({ userId, ...draft })));
  const all = (userId: string) => directory().drafts.list(userId);
  const list = async (userId: string) => (await all(userId)).filter(({ text }) => text !== '');
  const many = (count: number, from: number, text: string): Draft[] =>
    Array.from({ length: count }, (_, n) => ({ conversationId: `c${from + n}`, text, at: from + n }));

  describe('drafts', () => {
    it('R1 keeps the newest of each conversation, whatever the order they come in', async () => {
      const ann = ulid();
      await put(ann, { conversationId: 'c1', text: 'hello wor', replyTo: 7, at: 20 });
      await put(ann, { conversationId: 'c1', text: 'hello', at: 10 });
      await put(ann, { conversationId: 'c1', text: 'another at the same time', at: 20 });
      expect(await list(ann)).toEqual([{ conversationId: 'c1', text: 'hello wor', replyTo: 7, at: 20 }]);
      await put(ann, { conversationId: 'c1', text: 'hello world', at: 21 });
      expect(await list(ann)).toEqual([{ conversationId: 'c1', text: 'hello world', at: 21 }]);
    });

    it('R1 puts what comes at once in any order too, and each person’s apart', async () => {
      const [ann, bea] = [ulid(), ulid()];
      await directory().drafts.put([
        { userId: ann, conversationId: 'c1', text: 'newer', at: 3 },
        { userId: bea, conversationId: 'c1', text: 'hers', at: 1 },
        { userId: ann, conversationId: 'c1', text: 'older', at: 2 },
        { userId: ann, conversationId: 'c1', text: 'as new, but second', at: 3 },
      ]);
      expect(await list(ann)).toEqual([{ conversationId: 'c1', text: 'newer', at: 3 }]);
      expect(await list(bea)).toEqual([{ conversationId: 'c1', text: 'hers', at: 1 }]);
      expect(await list(ulid())).toEqual([]);
      await directory().drafts.put([]);
    });

    it('R2 removes with an empty text, and an older one brings nothing back', async () => {
      const ann = ulid();
      await put(ann, { conversationId: 'c1', text: 'unsent', at: 10 });
      await put(ann, { conversationId: 'c1', text: '', replyTo: 3, at: 30 });
      await put(ann, { conversationId: 'c1', text: 'late', at: 20 });
      await put(ann, { conversationId: 'c2', text: '', at: 30 });
      await put(ann, { conversationId: 'c2', text: 'late', at: 20 });
      expect(await list(ann)).toEqual([]);
      await put(ann, { conversationId: 'c1', text: 'anew', at: 31 });
      expect(await list(ann)).toEqual([{ conversationId: 'c1', text: 'anew', at: 31 }]);
    });

    it('R3 keeps the newest hundred of a person, and those that went stay away', async () => {
      const [ann, bea] = [ulid(), ulid()];
      await put(bea, { conversationId: 'c0', text: 'hers', at: 1 });
      const drafts = many(unfinished + 20, 1, 'x');
      for (const draft of drafts) await put(ann, draft);
      expect(await list(ann)).toEqual(drafts.slice(20).toReversed());
      await put(ann, ...drafts.slice(-50).map((draft) => ({ ...draft, text: '', at: draft.at + 1000 })));
      await put(ann, ...drafts);
      expect(await list(ann)).toEqual(drafts.slice(20, -50).toReversed());
      expect(await list(bea)).toHaveLength(1);
    });

    it('R3 lists those that were removed last after the others', async () => {
      const ann = ulid();
      await put(ann, ...many(removed + 2, 1, 'x'), ...many(2, 1000, 'unfinished'));
      const gone = many(removed + 2, 1, '').map((draft) => ({ ...draft, at: draft.at + 2000 }));
      await put(ann, ...gone);
      expect(await all(ann)).toEqual([
        ...many(2, 1000, 'unfinished').toReversed(),
        ...gone.slice(2).toReversed(),
      ]);
    });

    it('R3 counts each person’s own, also when many are put at once', async () => {
      const people = [ulid(), ulid(), ulid()];
      const drafts = many(unfinished, 1, 'x');
      await directory().drafts.put(drafts.flatMap((draft) => people.map((userId) => ({ userId, ...draft }))));
      for (const userId of people) expect(await list(userId)).toHaveLength(unfinished);
    });

    it('R4 remembers what was removed, of the newest thousand, and keeps nothing older than those', async () => {
      const ann = ulid();
      await put(ann, ...many(2, 0, 'old'));
      await put(ann, ...many(remembered - 1, 2, ''));
      expect((await list(ann)).map(({ conversationId }) => conversationId)).toEqual(['c1']);
      await put(ann, ...many(2, 0, 'back'), ...many(remembered - 1, 2, 'back'));
      expect((await list(ann)).map(({ conversationId }) => conversationId)).toEqual(['c1']);
      await put(ann, { conversationId: 'fresh', text: 'x', at: remembered + 1 });
      await put(ann, ...many(remembered, 0, 'back'));
      expect((await list(ann)).map(({ conversationId }) => conversationId)).toEqual(['fresh']);
    });

    it('R1–R3 are what a plain map would do', async () => {
      const model = new Map<string, Draft>();
      const ann = ulid();
      const draft = fc.record({
        conversationId: fc.nat(140).map((n) => `c${n}`),
        text: fc.constantFrom('', 'a', 'b'),
        at: fc.nat(1000),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(draft, { maxLength: 250, size: 'max' }), async (drafts) => {
          await put(ann, ...drafts);
          for (const one of drafts) {
            if (one.at > (model.get(one.conversationId)?.at ?? -1)) model.set(one.conversationId, one);
          }
          const kept = [...model.values()].filter(({ text }) => text !== '').toSorted(byAge);
          for (const gone of kept.splice(unfinished)) model.set(gone.conversationId, { ...gone, text: '' });
          expect(await list(ann)).toEqual(kept);
        }),
        { numRuns: 40 },
      );
    });

    it('takes hostile text as text', async () => {
      const ann = ulid();
      await put(ann, { conversationId: "'; drop table drafts; --", text: "it's \0 \ud800 🙂 %", at: 1 });
      expect(await list(ann)).toEqual([
        { conversationId: "'; drop table drafts; --", text: "it's \uFFFD \uFFFD 🙂 %", at: 1 },
      ]);
    });
  });
};
