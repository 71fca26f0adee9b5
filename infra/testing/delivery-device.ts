import { Packr } from 'msgpackr';
import { WebSocket } from 'ws';
import { type Client, createClient } from '../../gateways/client/client.ts';
import { type KeyValue, createMemory } from '../../gateways/client/key-value.ts';
import { pollingTransport } from '../../gateways/client/polling.ts';
import { webSocketTransport } from '../../gateways/client/web-socket.ts';
import type { Draft, Level, Mark, SequencedEvent } from '../../gateways/protocol.ts';
import type { Device } from './delivery-host.ts';
import { type Faults, faulty } from './faulty-transport.ts';
import type { Random } from './random.ts';

/** What a device knows of a conversation: its events, from the first that it was given. */
export type Known = { from: number; readonly events: SequencedEvent[] };

/** What an app would keep beside the client's own notes. */
type Memory = {
  known: Map<string, Known>;
  marked: Map<string, { delivered?: number; read?: number }>;
  receipts: Map<string, Map<string, Mark>>;
  levels: Map<string, { delivered: readonly Level[]; read: readonly Level[] }>;
  drafts: Map<string, Draft>;
  /** The last seq that the client itself handed on. */
  handedOn: Map<string, number>;
};
const nothing = (): Memory => ({
  known: new Map(),
  marked: new Map(),
  receipts: new Map(),
  levels: new Map(),
  drafts: new Map(),
  handedOn: new Map(),
});

export type Sent = {
  readonly id: string;
  readonly answer: { conversationId: string; seq: number } | { code: string };
};

const times = {
  backoffFirst: 2,
  backoffMost: 40,
  welcome: 3_000,
  steady: 50,
  ping: 250,
  pong: 250,
  polling: 150,
  request: 5_000,
  answer: 10_000,
  retryFirst: 5,
  retryMost: 50,
  marks: 15,
  marksAgain: 500,
  typingOn: 20,
  typingOff: 30,
  draft: 5,
} as const;

const packr = new Packr({ useRecords: false });
const msgpack = {
  encode: (value: unknown): Uint8Array => packr.pack(value),
  decode: (bytes: Uint8Array): unknown => packr.unpack(bytes) as unknown,
};

/** A device of somebody: the client as everybody uses it, over connections that break, and what it came to know. */
export const createDevice = (url: string, { name, userId, token }: Device, random: Random) => {
  const resumes = random.chance(0.8);
  const speaks = random.chance(0.2) ? { msgpack } : {};
  const socket = webSocketTransport({ url, WebSocket, ...speaks });
  const polls = pollingTransport({ url });
  const pollsOnly = random.chance(0.1);
  const { transports, faults } = faulty(pollsOnly ? ([polls] as const) : ([socket, polls] as const), random);
  const problems: string[] = [];
  const sent: Sent[] = [];
  let kv: KeyValue & { copy(): ReturnType<typeof createCopyable> } = createCopyable();
  let memory = nothing();
  let client: Client;
  let waiting = 0;
  let generation = 0;
  let resetting: Promise<void> = Promise.resolve();
  let saved: { kv: ReturnType<typeof createCopyable>; memory: Memory } | undefined;

  const merge = (conversationId: string, events: readonly SequencedEvent[]) => {
    const [first] = events;
    if (!first) return;
    const entry = memory.known.get(conversationId) ?? { from: first.seq, events: [] };
    memory.known.set(conversationId, entry);
    for (const event of events) {
      const next = entry.from + entry.events.length;
      if (event.seq < next) {
        const same =
          JSON.stringify(entry.events[event.seq - entry.from]?.event) === JSON.stringify(event.event);
        if (event.seq >= entry.from && !same)
          problems.push(`${name}: ${conversationId}/${event.seq} came as two different events`);
      } else if (event.seq > next) {
        problems.push(`${name}: ${conversationId} jumps from ${next - 1} to ${event.seq}`);
        return;
      } else entry.events.push(event);
    }
  };

  /** The views, read anew: each conversation from its first event. */
  const readViews = async (mine: number): Promise<void> => {
    const { conversations } = await client.api.conversations();
    for (const { conversationId } of conversations) {
      const events = await readAll(conversationId, mine);
      if (mine !== generation) return;
      const came = memory.known.get(conversationId)?.events ?? [];
      memory.known.delete(conversationId);
      if (!events) continue;
      merge(conversationId, events);
      merge(conversationId, came);
      const last = events.at(-1);
      if (last) client.markDelivered(conversationId, last.seq);
    }
  };

  /** Undefined if this person was removed meanwhile. */
  const readAll = async (conversationId: string, mine: number): Promise<SequencedEvent[] | undefined> => {
    const events: SequencedEvent[] = [];
    for (;;) {
      const last = events.at(-1)?.seq ?? -1;
      const page = await client.api.events(conversationId, last).catch((error: unknown) => {
        if (error instanceof Error && 'status' in error && error.status === 404) return undefined;
        throw error;
      });
      if (!page || mine !== generation) return undefined;
      if (page.events.length === 0) return events;
      events.push(...page.events);
    }
  };

  const start = () => {
    generation += 1;
    const mine = generation;
    const now =
      <A extends unknown[], R>(listener: (...args: A) => R) =>
      (...args: A): R | undefined =>
        mine === generation ? listener(...args) : undefined;
    client = createClient({
      url,
      userId,
      access: { token: async () => token },
      kv,
      resumes,
      transports,
      times,
      random: random.next,
      ...speaks,
      listeners: {
        onEvents: now((conversationId, events) => {
          const last = memory.handedOn.get(conversationId);
          for (const [index, { seq }] of events.entries()) {
            if (
              last === undefined
                ? index > 0 && seq !== (events[0]?.seq ?? 0) + index
                : seq !== last + 1 + index
            )
              problems.push(
                `${name}: was handed ${conversationId}/${seq} after ${last ?? 'nothing'} at ${index}`,
              );
          }
          memory.handedOn.set(conversationId, events.at(-1)?.seq ?? -1);
          merge(conversationId, events);
          // Nobody told it how far the others came while it was no member.
          if (events.some(({ event }) => event.type === 'MemberJoined' && event.userId === userId))
            memory.receipts.delete(conversationId);
        }),
        onReset: now(() => {
          memory = nothing();
          resetting = readViewsUntilDone(mine);
          return resetting;
        }),
        onLost: now((conversationId) => {
          memory.handedOn.delete(conversationId);
          memory.known.delete(conversationId);
        }),
        onMarked: now(({ conversationId, ...mark }) => {
          memory.marked.set(conversationId, raised(memory.marked.get(conversationId), mark));
        }),
        onReceipts: now(({ conversationId, marks, delivered, read }) => {
          if (delivered && read) memory.levels.set(conversationId, { delivered, read });
          const known = memory.receipts.get(conversationId) ?? new Map<string, Mark>();
          for (const { userId: who, ...mark } of marks ?? [])
            known.set(who, { userId: who, ...raised(known.get(who), mark) });
          memory.receipts.set(conversationId, known);
        }),
        onDraft: now((draft) => void memory.drafts.set(draft.conversationId, draft)),
        onError: now(({ code, message }) => {
          if (!expected.has(code)) problems.push(`${name}: ${code}: ${message}`);
        }),
      },
    });
  };

  const readViewsUntilDone = async (mine: number): Promise<void> => {
    for (;;) {
      try {
        return await readViews(mine);
      } catch {
        if (mine !== generation) return;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  };

  start();
  return {
    name,
    userId,
    faults,
    problems,
    sent,
    client: () => client,
    memory: () => memory,
    connect: () => client.connect(),
    submit(command: Parameters<Client['submit']>[0], id: string) {
      waiting += 1;
      const mine = generation;
      void client
        .submit(command, id)
        .then(
          (answer) => sent.push({ id, answer }),
          (error: unknown) => {
            if (mine === generation) sent.push({ id, answer: { code: codeOf(error) } });
          },
        )
        .finally(() => (waiting -= mine === generation ? 1 : 0));
    },
    /** The app goes away and comes back, with what it kept; `old`: with what it had kept some time ago. */
    reload(old: boolean) {
      client.close();
      waiting = 0;
      if (old && saved) {
        kv = saved.kv.copy();
        memory = copyOf(saved.memory);
      }
      start();
      client.connect();
    },
    save() {
      saved = { kv: kv.copy(), memory: copyOf(memory) };
    },
    sleep() {
      client.close();
      waiting = 0;
      generation += 1;
    },
    settled: async (): Promise<boolean> => {
      await resetting;
      return (
        client.status().state === 'online' &&
        waiting === 0 &&
        client.outgoing().every(({ state }) => state === 'failed')
      );
    },
    close: () => {
      generation += 1;
      client.close();
    },
  };
};

export type FuzzDevice = ReturnType<typeof createDevice> & { readonly faults: Faults };

/** What a device may be told without a command of its own being at fault. */
const expected = new Set([
  'mark_behind',
  'mark_beyond_end',
  'conversation_not_found',
  'store_unavailable',
  'overloaded',
]);

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);

type Heights = { delivered?: number | undefined; read?: number | undefined };

/** Marks only rise. */
const raised = (before: Heights | undefined, now: Heights): { delivered?: number; read?: number } => {
  const up = (a = -1, b = -1) => Math.max(a, b);
  const delivered = up(before?.delivered, now.delivered);
  const read = up(before?.read, now.read);
  return { ...(delivered >= 0 && { delivered }), ...(read >= 0 && { read }) };
};

const createCopyable = (from: Iterable<readonly [string, string]> = []) => {
  const memory = createMemory();
  for (const [key, value] of from) memory.set(key, value);
  return {
    ...memory,
    copy: () => createCopyable([...memory.keys()].map((key) => [key, memory.get(key) ?? ''] as const)),
  };
};

const copyOf = (memory: Memory): Memory => ({
  known: new Map([...memory.known].map(([id, { from, events }]) => [id, { from, events: [...events] }])),
  marked: new Map(memory.marked),
  receipts: new Map([...memory.receipts].map(([id, marks]) => [id, new Map(marks)])),
  levels: new Map(memory.levels),
  drafts: new Map(memory.drafts),
  handedOn: new Map(memory.handedOn),
});
