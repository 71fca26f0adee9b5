import { setImmediate, setTimeout } from 'node:timers/promises';
import { type ConversationId, type Seq, streamOf } from '../domain/id.ts';
import type { EventStore, Lag, RecordedEvent } from '../domain/ports/event-store.ts';
import type { Tables } from '../domain/ports/tables.ts';
import { applyBatch, readable } from './batch.ts';
import { heldUpTo } from './held.ts';
import type { AnyProjection } from './projection.ts';
import {
  createTrack,
  heal,
  isParked,
  load,
  moveTo,
  parkedStreams,
  targetOf,
  type Report,
  type Track,
} from './track.ts';
import { createWaiting } from './waiting.ts';

type Write = (fields: object, message: string) => void;
export type Log = { readonly info: Write; readonly warn: Write; readonly error: Write };

export type ProjectionState = { name: string; position: string; parked: number; failing?: string };

/** Projections at work. Disposing stops them within the current batch. */
export type Running = AsyncDisposable & {
  /** True once every projection has come to `position` of the log; false after the timeout. */
  reached(position: string, timeoutMs: number): Promise<boolean>;
  /** True once the conversation's views hold its event `seq`; false after the timeout, also when one has parked it. */
  seen(conversationId: ConversationId, seq: Seq, timeoutMs: number): Promise<boolean>;
  /** Whether a projection has left out a stream's events from some point on. */
  isParked(name: string, stream: string): boolean;
  /** `failing`: why nothing moves at the moment; it is tried again at least every 5 seconds. */
  state(): ProjectionState[];
  lag(): Promise<Lag>;
  readonly stopped: Promise<void>;
};

export type RunOptions = {
  readonly store: Pick<EventStore, 'subscribe' | 'read' | 'lag'>;
  readonly tables: Tables;
  readonly projections: readonly AnyProjection[];
  readonly log?: Log;
  /** After each batch: how many events, and how long they took in ms. */
  readonly observe?: (events: number, ms: number) => void;
  /** How long a store that doesn't answer is left alone: at first, and at most. */
  readonly retryMs?: { readonly first: number; readonly most: number };
};

/** Events that are applied at once: the process answers nobody meanwhile, about 5 ms. */
const BATCH = 128;
/** Live events are gathered for so long: a batch costs as much as several events. */
const PACE_MS = 5;

export const runProjections = (options: RunOptions): Running => {
  const { store, tables, projections, log, observe, retryMs = { first: 50, most: 5000 } } = options;
  const abort = new AbortController();
  const tracks = projections.map(createTrack);
  // Who vouches comes last, in a write of its own: the changes of one write may be seen in any order.
  const groups = [
    tracks.filter(({ projection }) => !projection.vouches),
    tracks.filter(({ projection }) => projection.vouches),
  ];
  const positions = createWaiting<string>();
  const seqs = createWaiting<{ conversationId: ConversationId; seq: Seq }>();
  let failing: string | undefined;
  let failures = 0;

  const recovered = () => {
    if (failing !== undefined) log?.info({ failures }, 'projections go on');
    failing = undefined;
    failures = 0;
  };
  const slowest = () =>
    tracks.reduce((least, { position }) => (position < least ? position : least), tracks[0]?.position ?? '');
  const reporter =
    ({ projection }: Track): Report =>
    (what, event) => {
      if (what === 'parked')
        log?.error(
          { projection: projection.name, ...event },
          'an event can’t be applied: its conversation is parked',
        );
      else log?.info({ projection: projection.name, ...event }, 'a parked conversation is complete again');
    };

  const unhealed = new Set(tracks);
  const start = async (track: Track) => {
    await load(tables, track);
    if (!unhealed.has(track)) return;
    for (const stream of parkedStreams(track)) {
      if (abort.signal.aborted) return;
      await heal(store, tables, track, stream, reporter(track));
    }
    unhealed.delete(track);
  };

  /** Everything in it may happen twice, also by two runners at once. */
  const apply = async (events: readonly RecordedEvent[]) => {
    const end = events.at(-1)?.position ?? '';
    const batch = events.map(readable);
    for (const group of groups) {
      for (;;) {
        const behind = group.filter(({ position }) => position < end);
        if (behind.length === 0) break;
        const poisons = await applyBatch(tables, behind.map(targetOf), batch);
        for (const [i, track] of behind.entries()) {
          await moveTo(tables, track, end, poisons[i]?.values() ?? [], reporter(track));
        }
      }
    }
    const reached = slowest();
    positions.wake((position) => position <= reached);
    const streams = new Set(events.map(({ stream }) => stream));
    await wakeSeen(wished().filter((id) => streams.has(streamOf(id))));
  };

  const wished = () => [...new Set([...seqs.wishes()].map(({ conversationId }) => conversationId))];

  const wakeSeen = async (ids: readonly ConversationId[]) => {
    if (ids.length === 0) return;
    const held = await heldUpTo(tables, ids);
    const last = new Map(ids.map((id, i) => [id, held[i] ?? -1]));
    seqs.wake(({ conversationId, seq }) => seq <= (last.get(conversationId) ?? -1));
  };

  const follow = async () => {
    for (const track of tracks) await start(track);
    positions.wake((position) => position <= slowest());
    await wakeSeen(wished());
    if ((await store.lag(slowest())).events === 0) recovered();
    for await (const events of store.subscribe(slowest(), abort.signal)) {
      for (let i = 0; i < events.length && !abort.signal.aborted; i += BATCH) {
        const batch = events.slice(i, i + BATCH);
        const began = performance.now();
        await apply(batch);
        observe?.(batch.length, performance.now() - began);
        recovered();
        const rest = batch.length < BATCH ? PACE_MS - (performance.now() - began) : 0;
        await (rest > 1
          ? setTimeout(rest, undefined, { signal: abort.signal }).catch(() => {})
          : setImmediate());
      }
      if (abort.signal.aborted) return;
    }
    if (!abort.signal.aborted) throw new Error('the subscription ended');
  };

  const run = async () => {
    while (!abort.signal.aborted) {
      try {
        await follow();
      } catch (error) {
        if (abort.signal.aborted) break;
        failing = error instanceof Error ? error.message : String(error);
        const ms = Math.min(retryMs.most, retryMs.first * 2 ** failures) * (0.5 + Math.random() / 2);
        failures += 1;
        log?.warn({ error: failing, failures, againInMs: Math.round(ms) }, 'projections wait for a store');
        await setTimeout(ms, undefined, { signal: abort.signal }).catch(() => {});
      }
    }
    positions.end();
    seqs.end();
  };

  const stopped = run();
  return {
    reached: async (position, timeoutMs) => slowest() >= position || positions.until(position, timeoutMs),
    seen: (conversationId, seq, timeoutMs) => {
      const seen = seqs.until({ conversationId, seq }, timeoutMs);
      wakeSeen([conversationId]).catch(() => {}); // the next batch asks again
      return seen;
    },
    isParked: (name, stream) =>
      tracks.some((track) => track.projection.name === name && isParked(track, stream)),
    state: () =>
      tracks.map((track) => ({
        name: track.projection.name,
        position: track.position,
        parked: parkedStreams(track).length,
        ...(failing !== undefined && { failing }),
      })),
    lag: () => store.lag(slowest()),
    stopped,
    [Symbol.asyncDispose]: async () => {
      abort.abort();
      await stopped;
    },
  };
};
