import type { ConversationId, UserId } from '../../domain/id.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { Draft, SyncToken } from '../protocol.ts';
import { Refusal } from '../rejections.ts';
import type { Delivery } from './deliver.ts';
import { Frame } from './frame.ts';
import type { HeldSeat } from './held-seat.ts';
import { type ResumeDeps, type Writer, backfill, resumeLimits } from './resume.ts';
import type { Rooms } from './rooms.ts';
import { type LogMark, encodeSync, resolveSync } from './sync-token.ts';

export type ArrivalDeps = ResumeDeps & {
  readonly rooms: Rooms;
  readonly store: Pick<EventStore, 'at'>;
  readonly delivery: Delivery;
  /** The person's conversations, from views that hold everything delivered so far. */
  readonly conversationsOf: (userId: UserId) => Promise<readonly ConversationId[]>;
  /** Resolves once the views hold everything that has been delivered. */
  readonly settled: () => Promise<void>;
  readonly drafts: { of(userId: UserId): Promise<readonly Draft[]> };
};

/** How often more may happen during a backfill than is held. */
const ROUNDS = 5;

/** How a welcome begins: from the client's token on, or not, and why. */
export type Beginning = { readonly sync: SyncToken; readonly resumed: boolean; readonly cause?: Refusal };

/**
 * Seats a socket and brings it up to date, in three phases. Backfill: what happened between its token and the taking of the seat,
 * from the log. Cutover: what was held back for it since. Live: everything as it happens. Without a token there is
 * nothing to fill: the views hold it. Ends early when the reader has gone; throws what the stores throw, and `overloaded` if
 * it never catches up.
 */
export const arrive = async (
  deps: ArrivalDeps,
  held: HeldSeat,
  token: SyncToken | undefined,
  writer: Writer,
  welcome: (beginning: Beginning) => void,
): Promise<void> => {
  const { rooms, delivery } = deps;
  const { userId } = held.seat;
  const found = token === undefined ? undefined : await resolveSync(deps.store, token);
  const cause = found instanceof Refusal ? found : undefined;
  const start = found instanceof Refusal ? undefined : found;

  await rooms.seat(held.seat, () => deps.conversationsOf(userId));
  // What is delivered from here on is held; what was before is in the views as soon as they are settled.
  let upTo = later(delivery.mark(), start);
  await deps.settled();
  if (!(await writer.ready())) return;
  let after = start ?? upTo;
  welcome({ sync: encodeSync(after), resumed: start !== undefined, ...(cause && { cause }) });
  held.welcome();
  const drafts = await deps.drafts.of(userId);

  const budget = { ...(deps.limits ?? resumeLimits).all };
  for (let round = 0; ; round += 1) {
    if (!(await backfill(deps, userId, stretchOf(after, upTo), budget, writer))) return;
    if (held.isWhole()) break;
    if (round === ROUNDS) throw new Refusal('overloaded');
    after = upTo;
    held.again();
    upTo = delivery.mark();
    await deps.settled();
  }
  if (start) writer.send(new Frame({ type: 'synced', sync: encodeSync(upTo) }));
  for (const draft of drafts) {
    if (rooms.of(held.seat).has(draft.conversationId)) writer.send(new Frame({ type: 'draft', draft }));
  }
  held.release();
};

const later = (one: LogMark, other: LogMark | undefined): LogMark =>
  other && other.position > one.position ? other : one;

const stretchOf = (after: LogMark, upTo: LogMark) => ({ after: after.position, upTo: upTo.position });
