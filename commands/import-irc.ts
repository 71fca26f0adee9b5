import { type ConversationId, SYSTEM, type UserId, streamOf } from '../domain/id.ts';
import { type People, type User, UsernameTaken } from '../domain/ports/directory.ts';
import { type EventStore, eventLimits } from '../domain/ports/event-store.ts';
import { isRejection } from '../domain/rejection.ts';
import { eventIdOf } from './event-id.ts';
import type { Handle } from './handle.ts';
import {
  type IrcLog,
  type IrcProblem,
  type IrcStep,
  ircConversationId,
  type nicksOf,
  planIrc,
} from './irc-plan.ts';

export type ImportDeps = { readonly store: EventStore; readonly people: People; readonly handle: Handle };

/**
 * `messages` are in the log, `added` were appended now, `stored` are in the stream afterwards: all went well when it
 * equals `messages` and nothing `failed`. `notes` say who had to make room.
 */
export type ImportedLog = {
  readonly conversationId: ConversationId;
  readonly messages: number;
  readonly added: number;
  readonly stored: number;
  readonly notes: readonly IrcProblem[];
  readonly failed: readonly IrcProblem[];
};

/** A conversation is known by its file's name, and this one is made of something else. */
export class AnotherLog extends Error {
  readonly code = 'another_log';
}

/** Commands that are handed over together; the next ones follow when these are durable. */
const WINDOW = 500;

/**
 * Makes a log a group conversation. Commands follow each other in the order of the lines, so what is in the stream is
 * the beginning of the plan, and the import goes on after it: a second one adds nothing. Membership is never decided
 * twice; a message that is missing anywhere is sent again. The people must be in the directory.
 */
export const importIrcLog = async (
  { store, handle }: Pick<ImportDeps, 'store' | 'handle'>,
  log: IrcLog,
  {
    title,
    owner,
    sent,
  }: { title: string; owner?: UserId | undefined; sent?: ((messages: number) => void) | undefined },
): Promise<ImportedLog> => {
  const conversationId = ircConversationId(log);
  const idOf = ({ command }: IrcStep) => eventIdOf(conversationId, command, 0);
  const steps = [...planIrc(log, title)].map((step) => ({ step, id: idOf(step) }));
  const messages = steps.filter(({ step }) => isMessage(step));
  const { ids: before, said } = await idsIn(store, conversationId);
  const reached = steps.findLastIndex(({ id }) => before.has(id));
  const known = messages.filter(({ id }) => before.has(id)).length;
  const passed = steps.slice(0, reached + 1).filter(({ step }) => isMessage(step)).length;
  if (known * 2 < passed || (known === 0 && said > 0))
    throw new AnotherLog(`another log was imported as ${log.name} before: rename this file`);
  const open = steps
    .filter(({ step, id }, index) => !before.has(id) && (index > reached || isMessage(step)))
    .map(({ step }) => step);
  sent?.(known);

  if (owner) {
    const joins = ownerJoins(owner, log);
    if (!before.has(idOf(joins))) open.splice(reached < 0 ? 1 : 0, 0, joins);
  }
  const notes: IrcProblem[] = [];
  const failed: IrcProblem[] = [];
  let added = 0;
  let broken = false;
  for (let from = 0; from < open.length && !broken; from += WINDOW) {
    const window = open.slice(from, from + WINDOW);
    const answers = await Promise.allSettled(window.map(({ command }) => handle(conversationId, command)));
    // Nothing may come before something that broke: the order of the log would be lost.
    broken = answers.some(({ status }) => status === 'rejected');
    let sends = 0;
    for (const [index, step] of window.entries()) {
      const refusal = refusalOf(answers[index]);
      if (refusal !== undefined) failed.push({ line: step.line, reason: refusal });
      else if (isMessage(step)) sends += 1;
      else if (step.madeRoomFor !== undefined) notes.push({ line: step.line, reason: step.madeRoomFor });
    }
    added += sends;
    sent?.(sends);
  }
  const after = open.length === 0 ? before : (await idsIn(store, conversationId)).ids;
  const stored = messages.filter(({ id }) => after.has(id)).length;
  return { conversationId, messages: messages.length, added, stored, notes, failed };
};

const isMessage = ({ command }: IrcStep) => command.type === 'SendMessage';

const ownerJoins = (owner: UserId, log: IrcLog): IrcStep => ({
  line: 0,
  command: {
    id: `irc:owner:${owner}`,
    by: SYSTEM,
    at: log.lines[0]?.at ?? log.date,
    type: 'AddMembers',
    userIds: [owner],
    role: 'owner',
  },
});

const refusalOf = (answer: PromiseSettledResult<object> | undefined): string | undefined => {
  if (answer?.status === 'fulfilled') return isRejection(answer.value) ? answer.value.detail : undefined;
  return answer?.reason instanceof Error ? answer.reason.message : String(answer?.reason);
};

/** The ids of a stream's events, and how many of them are messages. */
const idsIn = async (store: EventStore, conversationId: ConversationId) => {
  const ids = new Set<string>();
  let said = 0;
  for (let from = 0; ; ) {
    const page = await store.read(streamOf(conversationId), { from });
    for (const { id, type } of page) {
      ids.add(id);
      if (type === 'MessageSent') said += 1;
    }
    const last = page.at(-1);
    if (!last || page.length < eventLimits.pageEvents) return { ids, said };
    from = last.revision + 1;
  }
};

const PEOPLE = 500;

/** Adds those who aren't in the directory yet, as `nick@irc`, without a password. */
export const addIrcPeople = async (people: People, nicks: ReturnType<typeof nicksOf>): Promise<void> => {
  const all = [...nicks];
  for (let from = 0; from < all.length; from += PEOPLE) {
    const some = all.slice(from, from + PEOPLE);
    const known = await people.byId(some.map(([userId]) => userId));
    const users = some
      .filter((_, index) => !known[index])
      .map(([userId, { nick, seenAt }]) => newcomer(userId, nick, seenAt));
    if (users.length === 0) continue;
    try {
      await people.addMany(users);
    } catch (error) {
      if (!(error instanceof UsernameTaken)) throw error;
      for (const user of users) await addUnderFreeName(people, user);
    }
  }
};

type Newcomer = Omit<User, 'role'>;

const newcomer = (userId: UserId, nick: string, createdAt: number): Newcomer => ({
  userId,
  username: `${nick.replace(/\s/g, '_')}@irc`,
  displayName: nick,
  createdAt,
});

const addUnderFreeName = async (people: People, user: Newcomer): Promise<void> => {
  try {
    await people.add(user);
  } catch (error) {
    if (!(error instanceof UsernameTaken)) throw error;
    await people.add({ ...user, username: user.username.replace(/@irc$/, `~${user.userId.slice(-6)}@irc`) });
  }
};
