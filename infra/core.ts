import type { Logger } from 'pino';
import { type Conversations, createConversations } from '../commands/conversations.ts';
import { createExecute } from '../commands/execute.ts';
import { createHandle } from '../commands/handle.ts';
import { createMarks } from '../commands/mark.ts';
import { createPreferences } from '../commands/preferences.ts';
import { createReceiptsCache } from '../commands/receipts.ts';
import { type Timeline, createRecollection } from '../commands/recollection.ts';
import { streamOf } from '../domain/id.ts';
import { projections } from '../projections/all.ts';
import * as messages from '../projections/messages.ts';
import { runProjections } from '../projections/run.ts';
import type { Settings } from './config.ts';
import { openDataDir } from './data-dir.ts';
import { openDirectory } from './directory/open.ts';
import { openEventStore } from './event-store/open.ts';
import { openLiveState } from './live-state/open.ts';
import { createMetrics } from './metrics.ts';
import { openTables } from './tables/open.ts';

/** Everything behind the gateways, on the adapters that the settings name. Closing it ends what it started, in order. */
export const openCore = async (settings: Pick<Settings, 'DATA_DIR' | 'STATE_CACHE_MB'>, log: Logger) => {
  const closing: (() => PromiseLike<void>)[] = [];
  const close = async () => {
    const failures: unknown[] = [];
    for (const one of closing.splice(0).reverse()) {
      try {
        await one();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  };
  const owned = <T extends AsyncDisposable>(resource: T): T => {
    closing.push(() => resource[Symbol.asyncDispose]());
    return resource;
  };
  try {
    const metrics = createMetrics();
    const { path: dataDir } = owned(openDataDir(settings.DATA_DIR));
    const directory = owned(await openDirectory({ type: 'sqlite', dataDir }));
    const tables = owned(openTables({ type: 'sqlite', dataDir }));
    const store = owned(
      await openEventStore(
        { type: 'sqlite', dataDir },
        {
          observe: ({ appends, events, ms }) => {
            metrics.appends.inc(appends);
            metrics.commitEvents.observe(events);
            metrics.commitSeconds.observe(ms / 1000);
          },
        },
      ),
    );
    const live = owned(
      openLiveState(
        { type: 'memory' },
        { onError: (err) => log.error({ err }, 'live state: a listener failed') },
      ),
    );
    const running = owned(
      runProjections({
        store,
        tables,
        projections,
        log,
      }),
    );
    const timeline: Timeline = {
      complete: async (conversationId, position, timeoutMs) =>
        (await running.reached(position, timeoutMs)) &&
        !running.isParked('messages', streamOf(conversationId)),
      sentAs: (conversationId, key) => messages.sentAs(tables, conversationId, key),
      message: async (conversationId, seq) => (await messages.byId(tables, conversationId, [seq]))[0],
    };
    const states: Conversations = createConversations(store, settings.STATE_CACHE_MB * 1024 * 1024);
    const handle = createHandle({
      store,
      conversations: states,
      recollection: createRecollection({ store, timeline }),
      observe: (type, outcome) => metrics.commands.inc({ type, outcome }),
    });
    const preferences = createPreferences(directory.people);
    const receipts = createReceiptsCache(store);
    const marks = owned(
      createMarks({
        store,
        conversations: states,
        receipts,
        preferences,
        now: Date.now,
        observe: (outcome) => metrics.marks.inc({ outcome }),
        appended: () => metrics.receipts.inc(),
        onError: (err, conversationId) => log.error({ err, conversationId }, 'receipts: marks were given up'),
      }),
    );
    const execute = createExecute({ handle, people: directory.people, now: Date.now });
    return {
      dataDir,
      log,
      metrics,
      directory,
      preferences,
      states,
      receipts,
      marks,
      tables,
      store,
      live,
      running,
      handle,
      execute,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close().catch((err: unknown) => log.error({ err }, 'not everything could be closed'));
    throw error;
  }
};

export type Core = Awaited<ReturnType<typeof openCore>>;
