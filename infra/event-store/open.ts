import type { EventStore } from '../../domain/ports/event-store.ts';
import { SqliteEventStore } from './sqlite.ts';

export type EventStoreConfig = { readonly type: 'sqlite'; readonly dataDir: string };

export type EventStoreOptions = {
  /** Called after each commit; `ms` is how long it took to become durable. */
  readonly observe?: (commit: {
    readonly appends: number;
    readonly events: number;
    readonly bytes: number;
    readonly ms: number;
  }) => void;
};

/** The event store that the configuration names. Throws `StoreUnavailable` when it can't be reached. */
export const openEventStore = (
  config: EventStoreConfig,
  options?: EventStoreOptions,
): Promise<EventStore> => {
  switch (config.type) {
    case 'sqlite':
      return SqliteEventStore.open(config.dataDir, options);
  }
};
