import { randomUUID } from 'node:crypto';
import { receiptsCodec } from '../../domain/codec.ts';
import { type ConversationEvent, isLeaving } from '../../domain/conversation-event.ts';
import { type ConversationId, type UserId, receiptsStreamOf, streamOf } from '../../domain/id.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { Progress } from '../../domain/receipts.ts';
import { append, at, newConversationId } from './read-side.ts';

/** What is true of a conversation, kept as simply as it can be, with the positions of what happened in the log. */
export type World = {
  readonly id: ConversationId;
  readonly events: ConversationEvent[];
  readonly positions: string[];
  readonly moves: { readonly position: string; readonly marks: readonly Progress[] }[];
};

export const newWorld = (): World => ({ id: newConversationId(), events: [], positions: [], moves: [] });

/** From which events on which person was a member, up to and including which event. */
export const stays = ({ events }: World, userId: UserId): { from: number; to: number }[] => {
  const found: { from: number; to: number }[] = [];
  let from: number | undefined;
  for (const [seq, event] of events.entries()) {
    if (!('userId' in event) || event.userId !== userId) continue;
    if (event.type === 'MemberJoined') from = seq;
    if (from !== undefined && isLeaving(event)) {
      found.push({ from, to: seq });
      from = undefined;
    }
  }
  if (from !== undefined) found.push({ from, to: Number.POSITIVE_INFINITY });
  return found;
};

export const isIn = (world: World, userId: UserId): boolean =>
  stays(world, userId).at(-1)?.to === Number.POSITIVE_INFINITY;

export const membersOf = (world: World): UserId[] => {
  const people = new Set(world.events.flatMap((event) => ('userId' in event ? [event.userId] : [])));
  return [...people].filter((userId) => isIn(world, userId));
};

export const add = async (store: EventStore, world: World, events: readonly ConversationEvent[]) => {
  const last = world.events.length - 1;
  world.events.push(...events);
  await append(store, world.id, events, last);
  const recorded = await store.read(streamOf(world.id), { from: last + 1 });
  world.positions.push(...recorded.map(({ position }) => position));
};

export const moveMarks = async (store: EventStore, world: World, marks: readonly Progress[]) => {
  const encoded = receiptsCodec.encode({ type: 'ReceiptsMoved', at, marks: [...marks] });
  const event = { id: randomUUID(), ...encoded, meta: new Uint8Array() };
  const { position } = await store.append(receiptsStreamOf(world.id), world.moves.length - 1, [event]);
  world.moves.push({ position, marks });
};
