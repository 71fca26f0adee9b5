import type { IrcLine, IrcLog, IrcProblem } from '../../commands/irc-plan.ts';
import { limits } from '../../domain/limits.ts';

/** A file that is no log of a channel: the message says why. */
export class NotALog extends Error {
  readonly code = 'not_a_log';
}

type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
type Said = Without<IrcLine, 'line' | 'at'>;
type Read = Said | { readonly reason: string };

const MINUTE = 60_000;
const HALF_DAY = 12 * 60;
/** A clock that goes back this far was set; further back, and it is the next half day or day. */
const CLOCK_SET = 60;
/** No server tells more in a line (512 bytes, RFC 1459 §2.3), and patterns stay quick. */
const STATUS_LENGTH = 2000;

/**
 * Reads a log in the form of the public #ubuntu logs. `name` gives the date; the lines give minutes, taken as UTC:
 * `[HH:MM] <nick> text`, `[HH:MM] * nick text`, and `=== nick [user@host] has joined #channel` and the like, which have no
 * time and get that of the line before. Some logs have a clock of twelve hours: where no hour is above 12, a step back is
 * the next half day. Throws `NotALog`.
 */
export const parseIrcLog = (name: string, content: Uint8Array): IrcLog => {
  const date = dateOf(name);
  const texts = decode(content).split('\n');
  const clocks = texts.map(clockOf);
  const known = clocks.filter((clock) => clock !== undefined);
  const period = known.every((clock) => clock < 13 * 60) ? HALF_DAY : 2 * HALF_DAY;

  const lines: IrcLine[] = [];
  const skipped: IrcProblem[] = [];
  const channels = new Set<string>();
  let now = known[0] ?? 0;
  for (const [index, raw] of texts.entries()) {
    const text = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    if (text === '') continue;
    const clock = clocks[index];
    if (clock !== undefined) now = advance(now, clock, period);
    const read =
      clock === undefined ? status(text, channels) : spoken(text.slice('[HH:MM] '.length), channels);
    const line = index + 1;
    if ('reason' in read) skipped.push({ line, reason: read.reason });
    else lines.push({ ...read, line, at: date + now * MINUTE });
  }
  if (lines.length === 0) throw new NotALog('it has no line of an IRC log');
  const [channel] = channels;
  return { name, date, channel, lines, skipped };
};

const dateOf = (name: string): number => {
  const day = /(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)/.exec(name)?.[0];
  if (day === undefined) throw new NotALog('its name has no date such as 2004-12-25');
  const date = Date.parse(`${day}T00:00:00Z`);
  if (!(date >= 0) || !new Date(date).toISOString().startsWith(day))
    throw new NotALog(`its name has the date ${day}, which does not exist`);
  return date;
};

const decode = (content: Uint8Array): string => {
  if (content.includes(0)) throw new NotALog('it is binary');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    throw new NotALog('it is not UTF-8');
  }
};

const clockOf = (text: string): number | undefined => {
  const [, hours, minutes] = /^\[([01]\d|2[0-3]):([0-5]\d)\] /.exec(text) ?? [];
  return hours === undefined ? undefined : Number(hours) * 60 + Number(minutes);
};

/** Minutes since the log's midnight. They never fall. */
const advance = (now: number, clock: number, period: number): number => {
  const behind = now - clock;
  const periods = Math.max(0, Math.ceil((behind - CLOCK_SET) / period));
  return Math.max(now, clock + periods * period);
};

/** A line with a time: somebody says or does something. */
const spoken = (text: string, channels: Set<string>): Read => {
  const said = /^<([^>]+)>(?: (.*))?$/s.exec(text);
  if (said) return utterance('message', said[1], said[2]);
  const did = /^ ?\* (\S+)(?: (.*))?$/s.exec(text);
  if (did) return utterance('action', did[1], did[2]);
  const noticed = /^-([^:\s]+):([#&]\S+)- (.*)$/s.exec(text) ?? /^\(([^/\s]+)\/([#&]\S+)\) (.*)$/s.exec(text);
  if (!noticed) return { reason: 'has a time, but neither <nick> nor * nick' };
  channels.add((noticed[2] ?? '').toLowerCase());
  return utterance('message', noticed[1], noticed[3]);
};

const utterance = (kind: 'message' | 'action', nick: string | undefined, text = ''): Read => {
  const clean = cleanNick(nick);
  if (clean === '') return { reason: 'nobody’s name is before the text' };
  if (Buffer.byteLength(text) > limits.textBytes)
    return { reason: `its text has more than ${limits.textBytes} bytes` };
  return { kind, nick: clean, text };
};

/** A line without a time: `=== ` and what the server told. */
const status = (text: string, channels: Set<string>): Read => {
  if (!text.startsWith('=== ')) return { reason: 'has neither a time nor ===' };
  const told = text.slice('=== '.length);
  if (told.length > STATUS_LENGTH) return { reason: `no time, and more than ${STATUS_LENGTH} characters` };
  const moved = /^(\S.*?) +\[.*\] +has (joined|left|quit)(?: +([#&]\S+))?(?: .*)?$/.exec(told);
  if (moved) {
    if (moved[3] !== undefined) channels.add(moved[3].toLowerCase());
    return membership(moved[2] === 'joined' ? 'join' : 'leave', moved[1]);
  }
  const kicked = /^(\S.*?) was kicked off ([#&]\S+) by /.exec(told);
  if (kicked) return membership('leave', kicked[1]);
  const renamed = /^(\S.*?) +is now known as (\S.*)$/.exec(told);
  if (renamed) {
    const [nick, to] = [cleanNick(renamed[1]), cleanNick(renamed[2])];
    if (isNick(nick) && isNick(to)) return { kind: 'rename', nick, to };
  }
  const topic =
    /^(?:\.\.\[topic\/[^\]]*\] : |\S+ changed the topic of [#&]\S+ to: |Topic for [#&]\S+: )(.*)$/s
      .exec(told)?.[1]
      ?.trim();
  if (topic !== undefined) {
    return topic.length > limits.topic
      ? { reason: `a topic of more than ${limits.topic} characters` }
      : { kind: 'topic', text: topic };
  }
  if (/^mode\/[#&]/.test(told)) return { reason: 'a mode of the channel: there is no such thing here' };
  if (/^Topic \([#&]\S+\): set by |^netjoined: |^netsplit: /.test(told))
    return { reason: 'news of the IRC server' };
  return { reason: 'no time and no known event: an action or a notice of the server' };
};

const membership = (kind: 'join' | 'leave', name: string | undefined): Read => {
  const nick = cleanNick(name);
  return isNick(nick) ? { kind, nick } : { reason: `“${nick}” is no nick` };
};

/** The logger wrote a blank after each `]`. */
const cleanNick = (nick = ''): string => nick.replace(/\] /g, ']').trim();

const isNick = (nick: string): boolean => /^\S+$/.test(nick);
