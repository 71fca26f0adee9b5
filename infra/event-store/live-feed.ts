import { eventLimits, type RecordedEvent } from '../../domain/ports/event-store.ts';

/** What waits for one reader; beyond that it is cheaper to read the log again. */
const BUFFER = { events: 20_000, bytes: 16 * 1024 * 1024 } as const;

/** One reader of the feed: a bounded buffer that is dropped when it overflows. */
export type Listener = {
  /** Resolves to the next events, never none; undefined when the listener has overflowed or was stopped. */
  readonly next: () => Promise<readonly RecordedEvent[] | undefined>;
  readonly stop: () => void;
};

export type LiveFeed = {
  publish(events: readonly RecordedEvent[]): void;
  listen(): Listener;
  /** Stops everybody who listens. */
  end(): void;
};

const bytesOf = (events: readonly RecordedEvent[]): number =>
  events.reduce((sum, { data, meta }) => sum + data.byteLength + meta.byteLength, 0);

/** Hands what is published to all who listen, in order. */
export const createLiveFeed = (limit = BUFFER): LiveFeed => {
  type Sink = (events: readonly RecordedEvent[], bytes: number) => void;
  const sinks = new Map<Sink, () => void>();

  const listen = (): Listener => {
    let buffer: RecordedEvent[] = [];
    let bytes = 0;
    let stopped = false;
    let wake: (() => void) | undefined;

    const sink = (events: readonly RecordedEvent[], size: number): void => {
      if (buffer.length + events.length > limit.events || bytes + size > limit.bytes) return stop();
      for (const event of events) buffer.push(event);
      bytes += size;
      wake?.();
    };
    const stop = (): void => {
      stopped = true;
      buffer = [];
      sinks.delete(sink);
      wake?.();
    };
    const next = async (): Promise<readonly RecordedEvent[] | undefined> => {
      if (buffer.length === 0 && !stopped) await new Promise<void>((resolve) => (wake = resolve));
      if (stopped) return undefined;
      const page = buffer.length <= eventLimits.pageEvents ? buffer : buffer.slice(0, eventLimits.pageEvents);
      buffer = page === buffer ? [] : buffer.slice(page.length);
      bytes -= bytesOf(page);
      return page;
    };
    sinks.set(sink, stop);
    return { next, stop };
  };

  return {
    publish: (events) => {
      const bytes = bytesOf(events);
      for (const sink of sinks.keys()) sink(events, bytes);
    },
    listen,
    end: () => {
      for (const stop of sinks.values()) stop();
    },
  };
};
