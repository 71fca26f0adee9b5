import { z } from 'zod';
import { Seq, Timestamp, UserId } from './id.ts';
import { type Rejection, reject } from './rejection.ts';

/**
 * Up to where somebody has everything of a conversation, and has read it. `shown` is what others see of that: it stays
 * behind when they read in private. Not there: nothing yet.
 */
export const Progress = z.object({
  userId: UserId,
  delivered: Seq,
  read: Seq.optional(),
  shown: Seq.optional(),
});
export type Progress = z.infer<typeof Progress>;

/**
 * Members have come further: each of them as far as `marks` say. `others`, now and then: how far everybody else has come
 * who is a member then, so that whoever reads the stream backwards need not read on.
 */
export const ReceiptsMoved = z.object({
  type: z.literal('ReceiptsMoved'),
  at: Timestamp,
  marks: z.array(Progress).min(1),
  others: z.array(Progress).optional(),
});
export type ReceiptsEvent = z.infer<typeof ReceiptsMoved>;

/** A folded receipts stream. Whoever folds it owns it: `evolve` changes it in place. */
export type ReceiptsState = { revision: number; readonly marks: Map<UserId, Progress> };

export const initialReceipts = (): ReceiptsState => ({ revision: -1, marks: new Map() });

export const evolveReceipts = (
  state: ReceiptsState,
  revision: number,
  { marks, others }: ReceiptsEvent,
): ReceiptsState => {
  state.revision = revision;
  if (others) state.marks.clear();
  for (const mark of others ?? []) state.marks.set(mark.userId, mark);
  for (const mark of marks) state.marks.set(mark.userId, mark);
  return state;
};

export type MarkWish = {
  readonly by: UserId;
  readonly delivered?: Seq | undefined;
  readonly read?: Seq | undefined;
  /** Others don't learn of it. */
  readonly private: boolean;
};

/**
 * How far somebody is after a wish; the same object if that changes nothing. `end` is the seq of the conversation's
 * last event.
 */
export const mark = (
  before: Progress | undefined,
  { by, delivered, read, private: hidden }: MarkWish,
  end: Seq,
): Progress | undefined | Rejection => {
  const most = Math.max(delivered ?? -1, read ?? -1);
  if (most < 0) return before;
  if (most > end) return reject('mark_beyond_end', `the conversation ends at ${end}, before ${most}`);
  const wished = { userId: by, delivered: most, read, shown: hidden ? undefined : read };
  const after = further(before, wished);
  const back = isBelow(delivered, before?.delivered) || isBelow(read, before?.read);
  return after === before && back
    ? reject('mark_behind', `marked already: delivered ${before?.delivered}, read ${before?.read}`)
    : after;
};

/** The higher of each; the same object as `before` if nothing of `other` is higher. */
export const further = (before: Progress | undefined, other: Reached | undefined): Progress | undefined => {
  if (!other) return before;
  const moves =
    isBelow(before?.delivered ?? -1, other.delivered) ||
    isBelow(before?.read ?? -1, other.read) ||
    isBelow(before?.shown ?? -1, other.shown);
  if (!moves) return before;
  const read = highest(before?.read, other.read);
  const shown = highest(before?.shown, other.shown);
  return {
    userId: other.userId,
    delivered: Math.max(before?.delivered ?? -1, other.delivered),
    ...(read !== undefined && { read }),
    ...(shown !== undefined && { shown }),
  };
};

type Reached = { readonly [K in keyof Progress]: Progress[K] };

const isBelow = (a: number | undefined, b: number | undefined): boolean =>
  a !== undefined && b !== undefined && a < b;

const highest = (a: Seq | undefined, b: Seq | undefined): Seq | undefined =>
  a === undefined || isBelow(a, b) ? b : a;

/** What others see of it. */
export const publicMark = ({ userId, delivered, shown }: Progress) => ({
  userId,
  delivered,
  ...(shown !== undefined && { read: shown }),
});
