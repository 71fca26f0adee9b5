import type { Acknowledgement, ClientFrame, Command, SequencedEvent, ServerFrame } from '../protocol.ts';
import { type Clock, backoff } from './clock.ts';
import type { Kept } from './key-value.ts';
import type { Outgoing } from './options.ts';
import type { Times } from './times.ts';
import type { ConversationId, UserId } from './types.ts';

/** The command was refused, or not answered in time: then the code is `no_answer`, and it may have been done. */
export class CommandFailed extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Messages are kept and said until they are answered; anything else is given up after some time. */
type Entry = {
  readonly id: string;
  readonly command: Command;
  readonly at: number;
  /** Of UTF-8, as a frame. */
  readonly bytes: number;
  /** Of a message: under this it is kept. */
  readonly key: string | undefined;
  /** It is there; another tab that has it too takes it away when it is answered. */
  stored: boolean;
  answers: { resolve: (ack: Acknowledgement) => void; reject: (error: CommandFailed) => void }[];
  failure: CommandFailed | undefined;
  refused: number;
  cancel: (() => void) | undefined;
  /** On its way, on this connection. */
  going: boolean;
};

type Deps = {
  readonly kept: Kept;
  readonly clock: Clock;
  readonly times: Times;
  readonly random: () => number;
  readonly userId: UserId;
  /** False when there is no connection. */
  readonly send: (frame: ClientFrame) => boolean;
  readonly onOutgoing: (message: Outgoing) => void;
};

type Answer = Extract<ServerFrame, { type: 'ack' | 'error' }>;

const KEY = 'outbox.';
const RETRIES = 3;
const MOST = 500;
/** `MAX_FRAME_BYTES` of the protocol, whose schemas are not for the browser. */
export const MOST_BYTES = 128 * 1024;

const tooLarge = () => new CommandFailed('message_too_large', 'This is too long to be sent.');
const bytesOf = (id: string, command: Command) =>
  new TextEncoder().encode(JSON.stringify({ type: 'command', id, command })).length;

/**
 * Commands on their way. What was not answered when the connection broke is said again with the same id, which the server
 * does once. The messages of a conversation go one after the other, so that none overtakes one that is refused for now.
 */
export const createOutbox = ({ kept, clock, times, random, userId, send, onOutgoing }: Deps) => {
  const entries = new Map<string, Entry>();
  let online = false;
  let newest = 0;

  const create = (id: string, command: Command, at: number): Entry => {
    const key = command.type === 'SendMessage' ? KEY + id : undefined;
    const state = { stored: false, failure: undefined, refused: 0, cancel: undefined, going: false };
    return { id, command, at, bytes: bytesOf(id, command), key, answers: [], ...state };
  };

  const tell = (entry: Entry, state: Outgoing['state'], ack?: Acknowledgement) => {
    for (const message of shown(entry, state, ack)) onOutgoing(message);
  };

  const halt = (entry: Entry) => {
    entry.cancel?.();
    entry.cancel = undefined;
    entry.going = false;
  };

  const remove = (entry: Entry) => {
    halt(entry);
    entries.delete(entry.id);
    if (entry.key !== undefined) kept.delete(entry.key);
  };

  const succeed = (entry: Entry, ack: Acknowledgement) => {
    remove(entry);
    for (const { resolve } of entry.answers) resolve(ack);
    tell(entry, 'sent', ack);
    next(entry);
  };

  /** A message stays, so that it can be tried again. */
  const fail = (entry: Entry, failure: CommandFailed) => {
    if (entry.key === undefined) remove(entry);
    halt(entry);
    entry.failure = failure;
    for (const { reject } of entry.answers.splice(0)) reject(failure);
    keep(entry);
    tell(entry, 'failed');
    next(entry);
  };

  const keep = (entry: Entry) => {
    const { key, command, at, failure } = entry;
    if (key === undefined) return;
    const because = failure && { failure: { code: failure.code, message: failure.message } };
    entry.stored = kept.set(key, JSON.stringify({ command, at, ...because }));
  };

  const drop = (entry: Entry) => {
    remove(entry);
    for (const { reject } of entry.answers) reject(new CommandFailed('dropped', 'It was discarded.'));
    tell(entry, 'dropped');
    next(entry);
  };

  /** The first message of each conversation, and everything else. */
  const mayGo = (entry: Entry): boolean => {
    if (entry.failure || entry.going || entry.cancel) return false;
    const place = placeOf(entry);
    if (place === undefined) return true;
    for (const other of entries.values())
      if (placeOf(other) === place && !other.failure) return other === entry;
    return true;
  };

  const dispatch = (entry: Entry) => {
    if (!online || !mayGo(entry)) return;
    if (entry.key !== undefined && entry.stored && kept.get(entry.key) === undefined) return drop(entry);
    if (clock.now() - entry.at > times.messageAge)
      return fail(entry, new CommandFailed('too_old', 'This could not be sent for too long.'));
    if (!send({ type: 'command', id: entry.id, command: entry.command })) return;
    entry.going = true;
    entry.cancel = clock.after(times.answer, () => {
      halt(entry);
      if (entry.key !== undefined) return again(entry);
      return fail(entry, new CommandFailed('no_answer', 'The server did not answer.'));
    });
  };

  const again = (entry: Entry, after = 0) => {
    const wait = backoff(entry.refused, { first: times.retryFirst, most: times.retryMost, random });
    entry.refused += 1;
    entry.cancel = clock.after(after + wait, () => {
      halt(entry);
      dispatch(entry);
    });
  };

  const next = (after: Entry) => {
    const place = placeOf(after);
    if (place === undefined) return;
    for (const entry of entries.values()) if (placeOf(entry) === place) dispatch(entry);
  };

  const settle = (frame: Answer): void => {
    const entry = entries.get(frame.id ?? '');
    if (!entry || entry.failure) return;
    if (frame.type === 'ack') return succeed(entry, { conversationId: frame.conversationId, seq: frame.seq });
    halt(entry);
    const endless = entry.key !== undefined;
    if (frame.retry && (endless || entry.refused < RETRIES)) return again(entry, frame.retryAfterMs);
    return fail(entry, new CommandFailed(frame.code, frame.message));
  };

  const found = kept.keys().flatMap((key) => {
    const entry = key.startsWith(KEY)
      ? restore(key.slice(KEY.length), kept.get(key) ?? '', create)
      : undefined;
    return entry ? [entry] : [];
  });
  for (const entry of found.toSorted((a, b) => a.at - b.at)) {
    entry.stored = true;
    entries.set(entry.id, entry);
    newest = entry.at;
  }

  return {
    submit: (id: string, command: Command): Promise<Acknowledgement> =>
      new Promise((resolve, reject) => {
        const known = entries.get(id);
        if (known) return void known.answers.push({ resolve, reject });
        if (entries.size >= MOST)
          return reject(new CommandFailed('outbox_full', 'Too much is waiting to be sent.'));
        // Their times also say in which order they were written.
        newest = Math.max(clock.now(), newest + 1);
        const entry = create(id, command, newest);
        entry.answers.push({ resolve, reject });
        entries.set(id, entry);
        if (entry.bytes > MOST_BYTES) return fail(entry, tooLarge());
        keep(entry);
        tell(entry, 'pending');
        return dispatch(entry);
      }),
    settle,
    /** One's own message is there: that is as good as its acknowledgement. */
    seen: (conversationId: ConversationId, { seq, event }: SequencedEvent): void => {
      if (event.type !== 'MessageSent' || event.by !== userId) return;
      const entry = entries.get(event.clientId);
      if (entry && placeOf(entry) === conversationId) succeed(entry, { conversationId, seq });
    },
    resume: (): void => {
      online = true;
      for (const entry of entries.values()) dispatch(entry);
    },
    /** The connection broke: nobody is waited for until it is back. */
    pause: (): void => {
      online = false;
      for (const entry of entries.values()) halt(entry);
    },
    /**
     * The server, or something before it, closed because a frame was too large, and did not say which: if any is, then
     * the largest of those that were not answered.
     */
    refuseLargest: (): void => {
      let largest: Entry | undefined;
      for (const entry of entries.values())
        if (entry.going && entry.bytes > (largest?.bytes ?? 0)) largest = entry;
      if (largest) fail(largest, tooLarge());
    },
    outgoing: (): Outgoing[] => [...entries.values()].flatMap((entry) => shown(entry, stateOf(entry))),
    retry: (id: string): void => {
      const entry = entries.get(id);
      if (!entry?.failure) return;
      entry.failure = undefined;
      entry.refused = 0;
      keep(entry);
      tell(entry, 'pending');
      dispatch(entry);
    },
    drop: (id: string): void => {
      const entry = entries.get(id);
      if (entry) drop(entry);
    },
    /** Whoever waits is told; what is kept stays. */
    close: (failure: CommandFailed): void => {
      online = false;
      for (const entry of entries.values()) {
        halt(entry);
        for (const { reject } of entry.answers.splice(0)) reject(failure);
      }
      entries.clear();
    },
  };
};

const placeOf = ({ command }: Entry): ConversationId | undefined =>
  command.type === 'SendMessage' ? command.conversationId : undefined;

const stateOf = ({ failure }: Entry) => (failure ? 'failed' : 'pending');

/** A message as others see it; nothing of other commands. */
const shown = (
  { id, command, at, failure }: Entry,
  state: Outgoing['state'],
  ack?: Acknowledgement,
): Outgoing[] => {
  if (command.type !== 'SendMessage') return [];
  const because = failure && { failure: { code: failure.code, message: failure.message } };
  return [{ id, command, at, state, ...(ack && { seq: ack.seq }), ...because }];
};

const restore = (
  id: string,
  text: string,
  create: (id: string, command: Command, at: number) => Entry,
): Entry | undefined => {
  try {
    const { command, at, failure } = JSON.parse(text) as Pick<Entry, 'command' | 'at' | 'failure'>;
    const entry = create(id, command, at);
    if (failure) entry.failure = new CommandFailed(failure.code, failure.message);
    return entry;
  } catch {
    return undefined;
  }
};
