import type { Acknowledgement, ClientFrame, Command, SequencedEvent, ServerFrame } from '../protocol.ts';
import { type Api, createApi } from './api.ts';
import { systemClock } from './clock.ts';
import { createDrafts } from './drafts.ts';
import { newId } from './id.ts';
import { createMemory, under } from './key-value.ts';
import { createLink } from './link.ts';
import { createMarks } from './marks.ts';
import type { ClientOptions, Listeners, Outgoing, Status } from './options.ts';
import { CommandFailed, createOutbox } from './outbox.ts';
import { pollingTransport } from './polling.ts';
import { createSync } from './sync.ts';
import { times as usualTimes } from './times.ts';
import { createTyping } from './typing.ts';
import type { ConversationId, Seq } from './types.ts';
import { webSocketTransport } from './web-socket.ts';

/** RFC 6455: a frame was larger than the other side takes. */
const TOO_LARGE = 1009;
const MOST_WATCHED = 100;
const MARK_BEHIND = 'mark_behind';

export type Client = {
  readonly api: Api;
  connect(): void;
  status(): Status;
  /** Tries at once what waits for its time, and looks whether the other side is still there. */
  hurry(): void;
  /**
   * Answered once it is durable; after a broken connection it is said again. Throws `CommandFailed`. A message is kept over
   * reloads until then, and goes after those before it.
   */
  submit(command: Command, id?: string): Promise<Acknowledgement>;
  /** Messages that wait, also those of before the reload; in the order in which they were written. */
  outgoing(): readonly Outgoing[];
  /** Of a failed one. */
  retry(id: string): void;
  drop(id: string): void;
  /** Of events of others `delivered` says itself. */
  markRead(conversationId: ConversationId, seq: Seq): void;
  markDelivered(conversationId: ConversationId, seq: Seq): void;
  /** To be called at each key; `false` when what was written is gone. Sending stops it by itself. */
  typing(conversationId: ConversationId, on?: boolean): void;
  setAway(away: boolean): void;
  /** The conversations whose people’s presence is wanted, instead of those before. */
  watch(conversationIds: readonly ConversationId[]): void;
  saveDraft(conversationId: ConversationId, text: string, replyTo?: Seq): void;
  /** The seq of the last event that was handed on. */
  lastSeqOf(conversationId: ConversationId): Seq | undefined;
  /** What has to be kept is kept. */
  close(): void;
  /** Closes, and forgets what was kept: for signing out. */
  forget(): void;
};

/**
 * A client of Parlance, for browsers and Node. It keeps a connection, resumes after each break, and hands on every event
 * once and in order; what is to be sent waits until it can be.
 *
 *     const session = createSession({ url, store });
 *     session.signedIn(await createApi({ url, access: session }).signIn({ username: 'ann', password }));
 *     const client = createClient({
 *       url,
 *       userId: store.get().user.userId,
 *       access: session,
 *       listeners: { onEvents: (conversationId, events) => show(conversationId, events) },
 *     });
 *     client.connect();
 *     await client.submit({ type: 'SendMessage', conversationId, content: { kind: 'text', text: 'Hello' }, mentions: [] });
 */
export const createClient = (options: ClientOptions): Client => {
  const {
    url,
    userId,
    access,
    listeners = {},
    clock = systemClock,
    random = Math.random,
    resumes = true,
  } = options;
  const times = { ...usualTimes, ...options.times };
  const { fetch = (...request: Parameters<typeof globalThis.fetch>) => globalThis.fetch(...request) } =
    options;
  const api = createApi({ url, access, fetch });
  const kept = under(options.kv ?? createMemory(), `parlance.${userId}.`);
  let away = false;
  let watched: readonly ConversationId[] = [];
  let closed = false;

  const onThrown = (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    try {
      listeners.onError?.({ code: 'listener', message, retry: false });
    } catch {
      // There is nobody else to tell.
    }
  };
  /** A listener that throws must not break what called it. */
  const tell = <K extends keyof Listeners>(name: K, ...what: Parameters<Listeners[K]>): unknown => {
    if (closed && name !== 'onStatus') return undefined;
    const listener = listeners[name] as ((...what: Parameters<Listeners[K]>) => unknown) | undefined;
    try {
      return listener?.(...what);
    } catch (error) {
      onThrown(error);
      return undefined;
    }
  };
  const send = (frame: ClientFrame) => link.send(frame);

  const parts = { clock, times, random, send };
  const outbox = createOutbox({
    ...parts,
    kept,
    userId,
    onOutgoing: (message) => tell('onOutgoing', message),
  });
  const marks = createMarks({ ...parts, kept });
  const typing = createTyping({ ...parts, onTyping: (id, people) => tell('onTyping', id, people) });
  const drafts = createDrafts({ ...parts, onDraft: (draft) => tell('onDraft', draft) });

  const handedOn = (id: ConversationId, events: readonly SequencedEvent[]) => {
    let delivered = -1;
    for (const entry of events) {
      if (entry.event.type !== 'MessageSent') continue;
      const { by } = entry.event;
      if (by === userId) outbox.seen(id, entry);
      else delivered = entry.seq;
      typing.sent(id, by);
    }
    if (delivered >= 0) marks.delivered(id, delivered);
  };

  const sync = createSync({
    ...parts,
    kept: resumes ? kept : under(createMemory(), ''),
    events: api.events,
    onThrown,
    on: {
      onEvents: (id, events) => {
        const done = listeners.onEvents?.(id, events);
        if (done instanceof Promise) return done.then(() => handedOn(id, events));
        return handedOn(id, events);
      },
      onBehind: (...range) => (tell('onBehind', ...range) === 'skip' ? 'skip' : 'page'),
      onReset: (cause) => listeners.onReset?.(cause),
      onLost: (id) => void tell('onLost', id),
    },
  });

  /** What the other side does not know of this connection. */
  const resume = () => {
    outbox.resume();
    marks.resume();
    drafts.resume();
    if (away) send({ type: 'presence', state: 'away' });
    if (watched.length > 0) send({ type: 'watch', conversationIds: [...watched] });
  };

  const onFrame = (frame: ServerFrame): unknown => {
    switch (frame.type) {
      case 'welcome':
        sync.welcome(frame);
        return resume();
      case 'events':
        return sync.events(frame.conversationId, frame.events, frame.sync);
      case 'behind':
        return sync.behind(frame.conversations);
      case 'synced':
        sync.reached(frame.sync);
        return tell('onSynced');
      case 'pong':
        return frame.sync !== undefined && sync.reached(frame.sync);
      case 'ack':
        return outbox.settle(frame);
      case 'error':
        if (frame.id !== undefined) return outbox.settle(frame);
        // Another device is further, which is as good.
        return frame.code === MARK_BEHIND || tell('onError', frame);
      case 'receipts':
        return tell('onReceipts', frame);
      case 'marked':
        marks.marked(frame);
        return tell('onMarked', frame);
      case 'typing':
        return typing.heard(frame);
      case 'presence':
        return tell('onPresence', frame.people);
      case 'draft':
        return drafts.heard(frame.draft);
      case 'bye':
        return undefined;
    }
  };

  const transports = options.transports ?? [
    webSocketTransport(options),
    pollingTransport({ url, fetch, clock, times }),
  ];
  const probe = () =>
    fetch(`${url}/v1/site`, { signal: AbortSignal.timeout(times.request) }).then(
      ({ ok }) => ok,
      () => false,
    );
  const link = createLink({
    ...parts,
    access,
    transports,
    sync: sync.token,
    probe,
    onFrame,
    onStatus: (status) => tell('onStatus', status),
    onBroken: (code) => {
      if (code === TOO_LARGE) outbox.refuseLargest();
      outbox.pause();
      typing.pause();
    },
  });

  const close = () => {
    if (closed) return;
    drafts.close();
    marks.close();
    closed = true;
    sync.close();
    outbox.close(new CommandFailed('closed', 'The connection was closed.'));
    typing.pause();
    link.close();
  };

  return {
    api,
    connect: link.connect,
    status: link.status,
    hurry: link.hurry,
    submit: (command, id = newId(clock.now())) => {
      if (closed) return Promise.reject(new CommandFailed('closed', 'The connection was closed.'));
      if (command.type === 'SendMessage') typing.stop(command.conversationId);
      return outbox.submit(id, command);
    },
    outgoing: outbox.outgoing,
    retry: outbox.retry,
    drop: outbox.drop,
    markRead: marks.read,
    markDelivered: marks.delivered,
    typing: (id, on = true) => (on ? typing.key(id) : typing.stop(id)),
    setAway: (next) => {
      if (next === away) return;
      away = next;
      send({ type: 'presence', state: away ? 'away' : 'online' });
    },
    watch: (ids) => {
      const next = [...new Set(ids)].slice(0, MOST_WATCHED).toSorted();
      if (next.join() === watched.join()) return;
      watched = next;
      send({ type: 'watch', conversationIds: next });
    },
    saveDraft: drafts.save,
    lastSeqOf: sync.lastSeqOf,
    close,
    forget: () => {
      close();
      for (const key of kept.keys()) kept.delete(key);
    },
  };
};
