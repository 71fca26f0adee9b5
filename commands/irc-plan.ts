import { encodeTime } from 'ulid';
import type { ConversationCommand } from '../domain/conversation-command.ts';
import { type ConversationId, SYSTEM, type Timestamp, type UserId } from '../domain/id.ts';
import { limits } from '../domain/limits.ts';
import { hashedUlid } from './conversation-id.ts';

/** What one line of a log says. `line` counts from 1; `at` never falls from one line to the next. */
export type IrcLine = { readonly line: number; readonly at: Timestamp } & (
  | { readonly kind: 'message' | 'action'; readonly nick: string; readonly text: string }
  | { readonly kind: 'join' | 'leave'; readonly nick: string }
  | { readonly kind: 'rename'; readonly nick: string; readonly to: string }
  | { readonly kind: 'topic'; readonly text: string }
);

/** A line that was not imported, or something worth knowing about it. */
export type IrcProblem = { readonly line: number; readonly reason: string };

/** A file of a channel's log. `name` is the file's base name, `date` the midnight (UTC) that its name gives. */
export type IrcLog = {
  readonly name: string;
  readonly date: Timestamp;
  readonly channel: string | undefined;
  readonly lines: readonly IrcLine[];
  readonly skipped: readonly IrcProblem[];
};

/** IRC ignores case, and takes `{}|^` for the lower case of `[]\~` (RFC 1459 §2.2). */
export const foldNick = (nick: string): string =>
  nick.toLowerCase().replace(/[[\]\\~]/g, (c) => ({ '[': '{', ']': '}', '\\': '|' })[c] ?? '^');

/** The same nick is the same person, in whatever log. */
export const ircUserId = (nick: string): UserId => hashedUlid('irc', foldNick(nick));

/** A file of the same name is the same conversation; its ULID sorts by the log's date. */
export const ircConversationId = ({ name, date }: Pick<IrcLog, 'name' | 'date'>): ConversationId =>
  encodeTime(date, 10) + hashedUlid('irc-log', name).slice(10);

export type IrcStep = {
  readonly line: number;
  readonly command: ConversationCommand;
  readonly madeRoomFor?: string;
};

// One seat stays free for whoever owns the site: otherwise nobody could see a full conversation.
const seats = limits.members - 1;

/**
 * The commands that make a conversation of a log, each of which yields exactly one event. They depend on the log alone,
 * so an interrupted import finds out how far it came. Whoever speaks without having been seen to join is added; when all
 * seats are taken, whoever has been silent longest leaves.
 */
export function* planIrc(log: IrcLog, title: string): Generator<IrcStep> {
  // From the one who has been silent longest to the one who spoke last.
  const members = new Map<UserId, string>();
  const ids = new Map<string, UserId>();
  let topic = '';

  const idOf = (nick: string): UserId => {
    const userId = ids.get(nick) ?? ircUserId(nick);
    ids.set(nick, userId);
    return userId;
  };
  const leave = (userId: UserId, { line, at }: IrcLine, suffix = ''): ConversationCommand => {
    members.delete(userId);
    return { id: `irc:${line}${suffix}`, by: userId, at, type: 'LeaveConversation' };
  };

  function* present(nick: string, entry: IrcLine): Generator<IrcStep> {
    const { line, at } = entry;
    const userId = idOf(nick);
    if (!members.has(userId)) {
      const [silent] = members;
      if (silent && members.size >= seats) {
        yield {
          line,
          command: leave(silent[0], entry, ':room'),
          madeRoomFor: `${silent[1]} left to make room for ${nick}`,
        };
      }
      yield { line, command: { id: `irc:${line}`, by: SYSTEM, at, type: 'AddMembers', userIds: [userId] } };
    }
    members.delete(userId);
    members.set(userId, nick);
  }

  const began = log.lines[0]?.at ?? log.date;
  yield {
    line: 0,
    command: { id: 'irc:create', by: SYSTEM, at: began, type: 'CreateGroup', title, members: [] },
  };
  for (const entry of log.lines) {
    const { line, at } = entry;
    const id = `irc:${line}`;
    switch (entry.kind) {
      case 'message':
      case 'action': {
        yield* present(entry.nick, entry);
        const content = {
          kind: entry.kind === 'action' ? ('action' as const) : ('text' as const),
          text: entry.text,
        };
        const addressed = addressee(entry.text);
        const mentions = addressed !== undefined && members.has(idOf(addressed)) ? [idOf(addressed)] : [];
        yield { line, command: { id, by: idOf(entry.nick), at, type: 'SendMessage', content, mentions } };
        break;
      }
      case 'join':
        yield* present(entry.nick, entry);
        break;
      case 'leave': {
        const userId = idOf(entry.nick);
        if (members.has(userId)) yield { line, command: leave(userId, entry) };
        break;
      }
      case 'rename': {
        const userId = idOf(entry.nick);
        if (userId !== idOf(entry.to) && members.has(userId)) yield { line, command: leave(userId, entry) };
        yield* present(entry.to, entry);
        break;
      }
      case 'topic':
        if (entry.text !== topic)
          yield { line, command: { id, by: SYSTEM, at, type: 'SetTopic', topic: entry.text } };
        topic = entry.text;
        break;
      default:
        entry satisfies never;
    }
  }
}

/** On IRC a message to somebody begins with `nick: ` or `nick, `. */
const addressee = (text: string): string | undefined => /^([^\s:,]{1,64})[:,](?:\s|$)/.exec(text)?.[1];

/** Everybody who says something in this log or is seen to be there, by their first spelling. */
export const nicksOf = (log: IrcLog): Map<UserId, { readonly nick: string; readonly seenAt: Timestamp }> => {
  const people = new Map<UserId, { nick: string; seenAt: Timestamp }>();
  for (const entry of log.lines) {
    if (entry.kind === 'topic' || entry.kind === 'leave') continue;
    const nick = entry.kind === 'rename' ? entry.to : entry.nick;
    const userId = ircUserId(nick);
    if (!people.has(userId)) people.set(userId, { nick, seenAt: entry.at });
  }
  return people;
};
