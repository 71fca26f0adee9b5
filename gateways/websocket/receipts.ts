import { setTimeout } from 'node:timers/promises';
import { createReceiptsCache, type Receipts, type ReceiptsCache } from '../../commands/receipts.ts';
import type { ConversationId, Seq, UserId } from '../../domain/id.ts';
import { type EventStore, StoreUnavailable } from '../../domain/ports/event-store.ts';
import { type Progress, type ReceiptsEvent, evolveReceipts, publicMark } from '../../domain/receipts.ts';
import { type Level, NAMED_RECEIPTS } from '../protocol.ts';
import { Frame } from './frame.ts';

/** The people who are in a conversation now. */
export type Present = Pick<ReadonlySet<UserId>, 'size' | 'has'>;

/** What an event means for those who are there: the room, and the sockets of each of `own`. */
export type ReceiptsNews = { readonly room?: Frame; readonly own: ReadonlyMap<UserId, Frame> };

/** Makes frames of receipts. */
export type ReceiptFrames = {
  /**
   * Before the events of a batch: for each conversation with any, the revision of the first of them. What can't be read is
   * reported; of such a conversation nobody but those who moved is told.
   */
  readonly prepare: (first: ReadonlyMap<ConversationId, number>) => Promise<void>;
  /** Of each event of the batch, in order. */
  readonly framesOf: (conversationId: ConversationId, revision: number, event: ReceiptsEvent) => ReceiptsNews;
  /** All that somebody must know of a conversation's receipts: everything delivered so far is in it. */
  readonly current: (conversationId: ConversationId, userId: UserId) => Promise<Frame[]>;
};

/** A store that can't answer is asked again after so long; everybody's events wait meanwhile. */
const TRIES_MS: readonly number[] = [50, 200, 800];

type Known = { readonly receipts: Receipts; readonly present: Present };

export const createReceiptFrames = (deps: {
  readonly store: Pick<EventStore, 'read'>;
  readonly receipts: Pick<ReceiptsCache, 'fresh'>;
  readonly members: (conversationId: ConversationId) => Promise<Present>;
  readonly onError: (error: unknown, conversationId: ConversationId) => void;
  readonly maxBytes?: number;
  readonly triesMs?: readonly number[];
}): ReceiptFrames => {
  const { store, members, triesMs = TRIES_MS } = deps;
  // Streams as they have been delivered, which is not as far as they have been written.
  const delivered = createReceiptsCache(store, deps.maxBytes);
  let prepared = new Map<ConversationId, Known>();

  const read = async (conversationId: ConversationId, first: number): Promise<Known> => ({
    receipts: await delivered.get(conversationId, first - 1),
    present: await members(conversationId),
  });
  const readOrReport = async (conversationId: ConversationId, first: number, tries: readonly number[]) => {
    try {
      return await read(conversationId, first);
    } catch (error) {
      const [ms, ...later] = tries;
      if (ms === undefined || !(error instanceof StoreUnavailable)) {
        deps.onError(error, conversationId);
        return undefined;
      }
      await setTimeout(ms);
      return readOrReport(conversationId, first, later);
    }
  };

  return {
    prepare: async (first) => {
      const known = await Promise.all(
        [...first].map(async ([id, revision]) => [id, await readOrReport(id, revision, triesMs)] as const),
      );
      prepared = new Map(known.flatMap(([id, one]) => (one ? [[id, one]] : [])));
    },

    framesOf: (conversationId, revision, event) => {
      const known = prepared.get(conversationId);
      if (!known || known.receipts.state.revision !== revision - 1) {
        return { own: ownFrames(conversationId, event.marks) };
      }
      const { receipts, present } = known;
      const marks = event.marks.filter(({ userId }) => present.has(userId));
      const before = new Map(marks.map(({ userId }) => [userId, receipts.state.marks.get(userId)]));
      evolveReceipts(receipts.state, revision, event);
      delivered.keep(conversationId, receipts);
      const seen = marks.filter((mark) => isSeen(before.get(mark.userId), mark));
      return {
        ...(seen.length > 0 && { room: roomFrame(conversationId, known, seen) }),
        own: ownFrames(conversationId, marks),
      };
    },

    current: async (conversationId, userId) => {
      const [receipts, present] = [await deps.receipts.fresh(conversationId), await members(conversationId)];
      const marks = [...receipts.state.marks.values()].filter((mark) => present.has(mark.userId));
      const mine = receipts.state.marks.get(userId);
      return [
        ...(marks.length > 0 ? [roomFrame(conversationId, { receipts, present }, marks)] : []),
        ...(mine ? [markedFrame(conversationId, mine)] : []),
      ];
    },
  };
};

/** Who reads in private must not be given away by a mark that comes again. */
const isSeen = (before: Progress | undefined, now: Progress): boolean =>
  now.delivered !== before?.delivered || now.shown !== before.shown;

const ownFrames = (conversationId: ConversationId, marks: readonly Progress[]) =>
  new Map(marks.map((mark) => [mark.userId, markedFrame(conversationId, mark)]));

const markedFrame = (conversationId: ConversationId, { delivered, read }: Progress): Frame =>
  new Frame({
    type: 'marked',
    conversationId,
    delivered,
    ...(read !== undefined && { read }),
  });

const roomFrame = (
  conversationId: ConversationId,
  { receipts, present }: Known,
  marks: readonly Progress[],
): Frame => {
  if (present.size <= NAMED_RECEIPTS)
    return new Frame({ type: 'receipts', conversationId, marks: marks.map(publicMark) });
  const all = [...receipts.state.marks.values()].filter(({ userId }) => present.has(userId)).map(publicMark);
  return new Frame({
    type: 'receipts',
    conversationId,
    members: present.size,
    delivered: levelsOf(all.map(({ delivered }) => delivered)),
    read: levelsOf(all.map(({ read }) => read)),
  });
};

const LEVELS = 32;

/** How many have come at least how far, the highest first. Beyond 32 the last one counts all, and those before it are left out. */
export const levelsOf = (reached: readonly (Seq | undefined)[]): Level[] => {
  const at = new Map<Seq, number>();
  for (const seq of reached) if (seq !== undefined) at.set(seq, (at.get(seq) ?? 0) + 1);
  let count = 0;
  const levels = [...at].sort(([a], [b]) => b - a).map(([seq, more]) => ({ seq, count: (count += more) }));
  return levels.length <= LEVELS ? levels : [...levels.slice(0, LEVELS - 1), ...levels.slice(-1)];
};
