import { Gauge, Histogram, type Registry, collectDefaultMetrics } from 'prom-client';
import type { App } from './app.ts';
import type { HttpDeps } from './deps.ts';

/** Prometheus' page, with what the process, HTTP, the log and the projections add to the registry. */
export const metricsRoute =
  ({ registry, running, store }: Pick<HttpDeps, 'registry' | 'running' | 'store'>) =>
  (app: App) => {
    if (!registry.getSingleMetric('process_cpu_seconds_total')) collectDefaultMetrics({ register: registry });
    measureStore(registry, store);
    measureProjections(registry, running, store);
    app.get('/metrics', { schema: { hide: true }, logLevel: 'warn' }, async (_request, reply) =>
      reply.type(registry.contentType).send(await registry.metrics()),
    );
  };

/** Times every request, by the route's pattern: addresses are without end. */
export const measureRequests = (app: App, registry: Registry) => {
  const seconds = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from a request to the end of its answer, by route and status',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [registry],
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    seconds.observe(
      { method: request.method, route, status: String(reply.statusCode) },
      reply.elapsedTime / 1000,
    );
  });
};

const measureStore = (registry: Registry, store: HttpDeps['store']) => {
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value());
      },
    });
  gauge('parlance_store_writable', 'Whether the log can be written: 1 or 0', () =>
    Number(store.health().writable),
  );
  gauge('parlance_store_waiting', 'Appends that wait or are being written', () => store.health().waiting);
};

const measureProjections = (registry: Registry, running: HttpDeps['running'], store: HttpDeps['store']) => {
  const gauge = (name: string, help: string, values: () => Promise<readonly (readonly [string, number])[]>) =>
    new Gauge({
      name,
      help,
      labelNames: ['projection'],
      registers: [registry],
      async collect() {
        this.reset();
        for (const [projection, value] of await values()) this.set({ projection }, value);
      },
    });
  // The page tells the rest also while the store can't be asked.
  const lags = async (what: 'events' | 'seconds') => {
    const found = await Promise.all(
      running.state().map(async ({ name, position }) => {
        const lag = await store.lag(position).catch(() => undefined);
        return lag && ([name, lag[what]] as const);
      }),
    );
    return found.filter((one) => one !== undefined);
  };
  gauge('parlance_projection_lag_events', 'Events that a read model is behind the log', () => lags('events'));
  gauge('parlance_projection_lag_seconds', 'Age of the oldest event that a read model has not applied', () =>
    lags('seconds'),
  );
  gauge('parlance_projection_parked', 'Conversations that a read model has set aside', async () =>
    running.state().map(({ name, parked }) => [name, parked] as const),
  );
};
