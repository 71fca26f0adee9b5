import { eventIdOf } from '../../commands/event-id.ts';
import { foldReceipts } from '../../commands/receipts.ts';
import { conversationCodec } from '../../domain/codec.ts';
import type { ConversationEvent } from '../../domain/conversation-event.ts';
import { evolve, initial } from '../../domain/conversation-state.ts';
import { decide } from '../../domain/conversation.ts';
import { conversationOf } from '../../domain/id.ts';
import { type EventStore, START } from '../../domain/ports/event-store.ts';
import { isRejection } from '../../domain/rejection.ts';
import type { ClientLog, Intent } from './crash-client.ts';

export type Logged = { readonly id: string; readonly revision: number; readonly event: ConversationEvent };
export type Streams = ReadonlyMap<string, readonly Logged[]>;

export type Problem = {
  readonly kind: 'lost' | 'repeated' | 'reordered' | 'differing';
  readonly text: string;
};

/** A conversation's first people join in its first events. */
const FOUNDING = 4;

/** The whole log, conversation by conversation. */
export const readStreams = async (store: EventStore): Promise<Streams> => {
  const streams = new Map<string, Logged[]>();
  for (let after = START; ; ) {
    const page = await store.readAll(after);
    for (const { stream, id, revision, type, data } of page) {
      const conversationId = conversationOf(stream);
      if (conversationId === undefined) continue;
      const logged = streams.get(conversationId) ?? [];
      streams.set(conversationId, logged);
      logged.push({ id, revision, event: conversationCodec.decode(type, data) });
    }
    const last = page.at(-1);
    if (!last) return streams;
    after = last.position;
  }
};

/** What people were told to be durable of their receipts, and is not. Those of people who have left may be forgotten. */
export const checkReceipts = async (
  store: Pick<EventStore, 'read'>,
  streams: Streams,
  { marked }: Pick<ClientLog, 'marked'>,
): Promise<Problem[]> => {
  const found: Problem[] = [];
  for (const { conversationId, userId, delivered, read } of marked.values()) {
    const kept = (await foldReceipts(store, conversationId)).state.marks.get(userId);
    if (kept && kept.delivered >= delivered && (kept.read ?? -1) >= read) continue;
    const { members } = (streams.get(conversationId) ?? []).reduce(
      (state, { event }) => evolve(state, event),
      initial(),
    );
    if (!members.has(userId)) continue;
    const told = `${userId} was told ${delivered}, ${read} in ${conversationId}`;
    found.push({ kind: 'lost', text: `${told}, and has ${JSON.stringify(kept)}` });
  }
  return found;
};

/** What is wrong with the log, given what clients sent, were told and saw. */
export const checkLog = (streams: Streams, { intents, sights, problems }: ClientLog): Problem[] => [
  ...problems,
  ...[...streams].flatMap(([conversationId, logged]) => checkStream(conversationId, logged)),
  ...[...intents.values()].flatMap((intent) => checkIntent(streams, intent)),
  ...checkOrder(streams, intents.values()),
  ...[...sights].flatMap(([key, { conversationId, seq, event }]) =>
    JSON.stringify(streams.get(conversationId)?.[seq]?.event) === event
      ? []
      : [{ kind: 'differing', text: `live: ${key} was ${event}, and is not in the log` } as const],
  ),
];

const checkStream = (conversationId: string, logged: readonly Logged[]): Problem[] => {
  const found: Problem[] = [];
  const ids = new Set<string>();
  for (const [index, { id, revision, event }] of logged.entries()) {
    if (revision !== index)
      found.push({ kind: 'reordered', text: `${conversationId} has revision ${revision} in place ${index}` });
    const sent = event.type === 'MessageSent' ? `${event.by} ${event.clientId}` : id;
    if (ids.has(id) || ids.has(sent))
      found.push({ kind: 'repeated', text: `${conversationId}/${revision} is there twice: ${sent}` });
    ids.add(id).add(sent);
  }
  return found;
};

const checkIntent = (streams: Streams, intent: Intent): Problem[] => {
  const { id, by, command, answer, attempts } = intent;
  const named = `${id} ${command.type}`;
  if (!answer) return [{ kind: 'lost', text: `${named} was never answered` }];
  if (!('seq' in answer)) {
    // A repeat may be refused for what happened after the first time.
    if (attempts > 1 || !('conversationId' in command)) return [];
    const done = eventsOf(streams.get(command.conversationId), command.conversationId, intent).length > 0;
    return done ? [{ kind: 'differing', text: `${named} was refused (${answer.code}) and done` }] : [];
  }
  const { conversationId, seq } = answer;
  const logged = streams.get(conversationId) ?? [];
  if (command.type === 'SendMessage') {
    const event = logged[seq]?.event;
    const same =
      event?.type === 'MessageSent' &&
      event.by === by &&
      event.clientId === id &&
      event.content.text === command.content.text &&
      event.replyTo === command.replyTo;
    if (same) return [];
    const elsewhere = logged.findIndex(
      (one) => one.event.type === 'MessageSent' && one.event.clientId === id,
    );
    const where = elsewhere < 0 ? 'nowhere' : `at ${elsewhere}`;
    return [{ kind: 'lost', text: `${named} was acknowledged as ${conversationId}/${seq} and is ${where}` }];
  }
  const last = eventsOf(logged, conversationId, intent).at(-1);
  if (last === undefined) {
    return changesNothing(logged, seq, intent)
      ? []
      : [{ kind: 'lost', text: `${named} was acknowledged as ${conversationId}/${seq} and is not there` }];
  }
  // There was nothing to do the first time; when it was repeated there was. Only messages are remembered for ever.
  if (attempts > 1 && last.revision > seq && changesNothing(logged, seq, intent)) return [];
  return last.revision <= seq && seq < logged.length
    ? []
    : [{ kind: 'reordered', text: `${named}: acknowledged as ${seq}, is ${last.revision}` }];
};

/** The events of a command: their ids follow from it. */
const eventsOf = (
  logged: readonly Logged[] | undefined,
  conversationId: string,
  { id, by, command }: Intent,
): Logged[] => {
  const ids = new Set(
    Array.from({ length: 8 }, (_, index) => eventIdOf(conversationId, { ...command, id, by, at: 0 }, index)),
  );
  return logged?.filter((one) => ids.has(one.id)) ?? [];
};

/** An accepted command without events: there was nothing to do after the event `seq`. The fold forgets nothing. */
const changesNothing = (logged: readonly Logged[], seq: number, { id, by, command }: Intent): boolean => {
  const state = logged.slice(0, seq + 1).reduce((folded, { event }) => evolve(folded, event), initial());
  const decision = decide(state, { ...command, id, by, at: 0 });
  return !isRejection(decision) && decision.events.length === 0;
};

/** What one device sent to one conversation stands there in the order of its sending. */
const checkOrder = (streams: Streams, intents: Iterable<Intent>): Problem[] => {
  const last = new Map<string, { seq: number; id: string }>();
  const found: Problem[] = [];
  for (const intent of intents) {
    const { id, device, command, answer } = intent;
    if (command.type !== 'SendMessage' || !answer || !('seq' in answer)) continue;
    if (mayBeLate(streams.get(answer.conversationId), intent)) continue;
    const key = `${device} ${command.conversationId}`;
    const before = last.get(key);
    if (before && before.seq >= answer.seq)
      found.push({ kind: 'reordered', text: `${id} is ${answer.seq}, ${before.id} before it ${before.seq}` });
    last.set(key, { seq: answer.seq, id });
  }
  return found;
};

/**
 * It failed and was sent again after later ones; or it may have been refused at first, by a server that was killed before
 * it could say so, because its sender was no member then or what it replies to not yet there.
 */
const mayBeLate = (
  logged: readonly Logged[] | undefined,
  { by, command, attempts, delayed }: Intent,
): boolean => {
  if (delayed) return true;
  if (attempts === 1) return false;
  const moves = logged?.filter(({ event }) => 'userId' in event && event.userId === by) ?? [];
  const founder = moves.length === 1 && moves.every(({ revision }) => revision <= FOUNDING);
  return !founder || ('replyTo' in command && command.replyTo !== undefined);
};
