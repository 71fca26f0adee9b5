import { type Meta, conversationCodec, encodeMeta } from '../domain/codec.ts';
import type { ConversationCommand } from '../domain/conversation-command.ts';
import type { ConversationEvent } from '../domain/conversation-event.ts';
import { type Accepted, type Decision, decide } from '../domain/conversation.ts';
import { evolve, forget, missing, recall } from '../domain/conversation-state.ts';
import { type ConversationId, type Seq, streamOf } from '../domain/id.ts';
import {
  EventIdReused,
  type EventStore,
  type NewEvent,
  WrongExpectedRevision,
  eventLimits,
} from '../domain/ports/event-store.ts';
import { type Rejection, isRejection, reject } from '../domain/rejection.ts';
import { type Conversation, type Conversations, committed } from './conversations.ts';
import { eventIdOf } from './event-id.ts';
import type { Recollection } from './recollection.ts';

/** The command is durable. `seq` is its last event's; of a repeated message, the first one's. */
export type Acknowledgement = { readonly conversationId: ConversationId; readonly seq: Seq };

export type Handle = (
  conversationId: ConversationId,
  command: ConversationCommand,
  meta?: Meta,
) => Promise<Acknowledgement | Rejection>;

/** More commands are waiting than the limits below allow. Nothing was done; the same command may be sent again later. */
export class Overloaded extends Error {
  readonly code = 'overloaded';
}

export const handleLimits = {
  waitingPerConversation: 5_000,
  waiting: 100_000,
  batch: 500,
  conflicts: 10,
} as const;

type Job = {
  readonly command: ConversationCommand;
  readonly meta: Uint8Array;
  readonly resolve: (answer: Acknowledgement | Rejection) => void;
  readonly fail: (error: unknown) => void;
};

export type HandleDeps = {
  readonly store: EventStore;
  readonly conversations: Conversations;
  readonly recollection: Recollection;
  readonly observe?: (type: ConversationCommand['type'], outcome: string) => void;
};

/**
 * Read → fold → decide → append. Each conversation has one queue: commands that wait together are decided in order and
 * appended at once, and are answered when that is durable.
 */
export const createHandle = (deps: HandleDeps): Handle => {
  const queues = new Map<ConversationId, Job[]>();
  let waiting = 0;

  const work = async (conversationId: ConversationId, queue: Job[]) => {
    while (queue.length > 0) {
      const jobs = queue.splice(0, handleLimits.batch);
      const done = await commit(deps, conversationId, jobs).catch((error: unknown) => {
        for (const job of jobs) job.fail(error);
        return jobs.length;
      });
      waiting -= done;
      if (done < jobs.length) queue.unshift(...jobs.slice(done));
    }
    queues.delete(conversationId);
  };

  return (conversationId, command, meta = {}) =>
    new Promise((resolve, fail) => {
      const queue = queues.get(conversationId);
      if (waiting >= handleLimits.waiting || (queue && queue.length >= handleLimits.waitingPerConversation)) {
        deps.observe?.(command.type, 'overloaded');
        return fail(new Overloaded('too many commands are waiting; try again in a moment'));
      }
      waiting += 1;
      const job: Job = { command, meta: encodeMeta(meta), resolve, fail };
      if (queue) return queue.push(job);
      const fresh = [job];
      queues.set(conversationId, fresh);
      // Everything that arrives in this turn of the event loop is decided together.
      return queueMicrotask(() => void work(conversationId, fresh));
    });
};

type Decided = { readonly job: Job; readonly answer: Acknowledgement | Rejection; readonly outcome: string };

/** Answers the first jobs, and says how many: one append can't take more. */
const commit = async (
  deps: HandleDeps,
  conversationId: ConversationId,
  jobs: readonly Job[],
): Promise<number> => {
  const done = new Set<string>();
  for (let conflicts = 0; ; ) {
    const conversation = await deps.conversations.get(conversationId);
    const expected = conversation.state.revision;
    let decided: readonly Decided[];
    try {
      const all = await decideAll(deps, conversationId, conversation, jobs, done);
      ({ decided } = all);
      if (all.events.length > 0)
        committed(conversation, await deps.store.append(streamOf(conversationId), expected, all.events));
      for (const event of all.due) evolve(conversation.state, event);
    } catch (error) {
      forget(conversation.state);
      const ahead =
        conversation.state.revision > expected ||
        (error instanceof WrongExpectedRevision && error.actual < expected);
      if (ahead) deps.conversations.drop(conversationId);
      else deps.conversations.doubt(conversationId, conversation);
      if (error instanceof EventIdReused && error.ids.some((id) => !done.has(id))) {
        for (const id of error.ids) done.add(id);
        continue;
      }
      conflicts += 1;
      if (!(error instanceof WrongExpectedRevision) || conflicts >= handleLimits.conflicts) throw error;
      continue;
    }
    forget(conversation.state);
    deps.conversations.keep(conversationId, conversation);
    for (const { job, answer, outcome } of decided) {
      deps.observe?.(job.command.type, outcome);
      job.resolve(answer);
    }
    return decided.length;
  }
};

/**
 * `done` are the ids of events that the stream is known to hold. The state gets a job's events when the next job needs
 * them; the last one's are `due` when they are durable, so that a single command which fails leaves the state as it was.
 */
const decideAll = async (
  deps: HandleDeps,
  conversationId: ConversationId,
  conversation: Conversation,
  jobs: readonly Job[],
  done: ReadonlySet<string>,
) => {
  const { state } = conversation;
  const ids = new Set(done);
  const decided: Decided[] = [];
  const events: NewEvent[] = [];
  let due: readonly ConversationEvent[] = [];
  let bytes = 0;
  for (const job of jobs) {
    for (const event of due) evolve(state, event);
    due = [];
    for (let what = missing(state, job.command); what; what = missing(state, job.command)) {
      recall(state, what, await deps.recollection(conversationId, conversation, what));
    }
    const decision = decide(state, job.command);
    const encoded = isRejection(decision) ? decision : encode(conversationId, job, decision, ids);
    if (isRejection(encoded)) {
      decided.push({ job, answer: encoded, outcome: encoded.rejected });
      continue;
    }
    const size = encoded.reduce((sum, { data, meta }) => sum + data.length + meta.length, 0);
    const full =
      bytes + size > eventLimits.appendBytes || events.length + encoded.length > eventLimits.appendEvents;
    if (full && decided.length > 0) break;
    bytes += size;
    events.push(...encoded);
    for (const { id } of encoded) ids.add(id);
    const accepted = decision as Accepted;
    if (encoded.length > 0) due = accepted.events;
    decided.push({
      job,
      answer: { conversationId, seq: accepted.seq ?? state.revision + due.length },
      outcome: 'accepted',
    });
  }
  return { decided, events, due };
};

/**
 * Event ids follow from the request, so that a store can recognise a repeated append. None are left of a request that was
 * carried out long ago, and whose effect was undone since: it is not done again.
 */
const encode = (
  conversationId: ConversationId,
  { command, meta }: Job,
  decision: Exclude<Decision, Rejection>,
  ids: ReadonlySet<string>,
): NewEvent[] | Rejection => {
  const events = decision.events.map((event, index) => ({
    id: eventIdOf(conversationId, command, index),
    ...conversationCodec.encode(event),
    meta,
  }));
  if (events.some(({ id }) => ids.has(id))) {
    return command.type === 'SendMessage'
      ? reject('client_id_reused', 'this id belongs to an earlier message')
      : [];
  }
  return events.some(({ data }) => data.length + meta.length > eventLimits.eventBytes)
    ? reject(
        'message_too_large',
        `with its control characters escaped this takes more than ${eventLimits.eventBytes} bytes`,
      )
    : events;
};
