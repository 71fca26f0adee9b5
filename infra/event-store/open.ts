import type { EventStore } from '../../domain/ports/event-store.ts';
import { SqliteEventStore, type SqliteOptions } from './sqlite.ts';

export type EventStoreConfig = { readonly type: 'sqlite'; readonly dataDir: string };

/** The event store that the configuration names. Throws `StoreUnavailable` when it can't be reached. */
export const openEventStore = (config: EventStoreConfig, options?: SqliteOptions): Promise<EventStore> => {
  switch (config.type) {
    case 'sqlite':
      return SqliteEventStore.open(config.dataDir, options);
  }
};
