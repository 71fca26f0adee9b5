import type { Level, Mark, ServerFrame } from '../protocol.ts';
import type { Seq, UserId } from './types.ts';

/** How far the members of a conversation have come: each by name, or in a large one how many. */
export type ReceiptsState = {
  readonly marks: ReadonlyMap<UserId, Mark>;
  readonly levels: { readonly delivered: readonly Level[]; readonly read: readonly Level[] } | undefined;
};

export const noReceipts: ReceiptsState = { marks: new Map(), levels: undefined };

type Frame = Pick<Extract<ServerFrame, { type: 'receipts' }>, 'marks' | 'delivered' | 'read'>;

/** Marks only rise, whichever comes first: what was read over REST or a frame. */
export const foldReceipts = (state: ReceiptsState, { marks, delivered, read }: Frame): ReceiptsState => ({
  marks: marks ? raise(state.marks, marks) : state.marks,
  levels: delivered || read ? { delivered: delivered ?? [], read: read ?? [] } : state.levels,
});

const raise = (before: ReadonlyMap<UserId, Mark>, marks: readonly Mark[]): ReadonlyMap<UserId, Mark> => {
  const after = new Map(before);
  for (const mark of marks) {
    const known = after.get(mark.userId);
    const delivered = higher(known?.delivered, mark.delivered);
    const read = higher(known?.read, mark.read);
    after.set(mark.userId, {
      userId: mark.userId,
      ...(delivered !== undefined && { delivered }),
      ...(read !== undefined && { read }),
    });
  }
  return after;
};

const higher = (a: Seq | undefined, b: Seq | undefined) =>
  a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);

/** Of a message: how many of the `of` others have it, and have read it. */
export type Tick = {
  readonly state: 'sent' | 'delivered' | 'read';
  readonly delivered: number;
  readonly read: number;
  readonly of: number;
};

/**
 * What became of a message. `others`: the members besides its sender. It is delivered, or read, when all of them say so.
 * In a large conversation the counts are those of the server, never too high.
 */
export const tickOf = (
  seq: Seq,
  sender: UserId,
  { marks, levels }: ReceiptsState,
  others: readonly UserId[],
): Tick => {
  const named = (what: 'delivered' | 'read') =>
    others.filter((userId) => userId !== sender && (marks.get(userId)?.[what] ?? -1) >= seq).length;
  const of = others.filter((userId) => userId !== sender).length;
  const own = marks.get(sender);
  const count = (what: 'delivered' | 'read') => {
    if (!levels) return named(what);
    // The sender's own mark is among them, maybe.
    const mine = (own?.[what] ?? -1) >= seq ? 1 : 0;
    return Math.min(of, Math.max(named(what), countAt(levels[what], seq) - mine));
  };
  const read = count('read');
  const delivered = Math.max(read, count('delivered'));
  const all = (some: number) => of > 0 && some === of;
  const state = all(read) ? 'read' : all(delivered) ? 'delivered' : 'sent';
  return { state, delivered, read, of };
};

/** How many have come at least to `seq`; between two levels it is not known, and the higher one counts. */
const countAt = (levels: readonly Level[], seq: Seq): number =>
  levels.findLast((level) => level.seq >= seq)?.count ?? 0;

/** Who has read a message. */
export const readersOf = (seq: Seq, { marks }: ReceiptsState, others: readonly UserId[]): UserId[] =>
  others.filter((userId) => (marks.get(userId)?.read ?? -1) >= seq);
