import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** The metrics of our own. All durations are seconds, as Prometheus wants them. */
export const createMetrics = () => {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    commands: new Counter({
      name: 'parlance_commands_total',
      help: 'Commands by type and outcome (accepted, or the reason of the refusal)',
      labelNames: ['type', 'outcome'],
      registers,
    }),
    marks: new Counter({
      name: 'parlance_marks_total',
      help: 'Marks by outcome (accepted, unchanged, or the reason of the refusal)',
      labelNames: ['outcome'],
      registers,
    }),
    receipts: new Counter({
      name: 'parlance_receipts_events_total',
      help: 'Events appended to receipts; one holds the marks of many',
      registers,
    }),
    appends: new Counter({ name: 'parlance_appends_total', help: 'Appends that became durable', registers }),
    commitEvents: new Histogram({
      name: 'parlance_commit_events',
      help: 'Events written by one commit, that is by one fsync',
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096],
      registers,
    }),
    commitSeconds: new Histogram({
      name: 'parlance_commit_seconds',
      help: 'Time of one commit',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
      registers,
    }),
    deliveries: new Counter({
      name: 'parlance_deliveries_total',
      help: 'Frames with events handed to sockets',
      registers,
    }),
    ended: new Counter({
      name: 'parlance_connections_ended_total',
      help: 'Connections ended because they read too slowly (slow) or did not answer a heartbeat (silent)',
      labelNames: ['why'],
      registers,
    }),
    polls: (count: () => number) =>
      new Gauge({
        name: 'parlance_polls',
        help: 'Connections that poll over HTTP',
        registers,
        collect() {
          this.set(count());
        },
      }),
    limited: new Counter({
      name: 'parlance_limited_total',
      help: 'Requests refused because a rate limit was reached, by limit',
      labelNames: ['limit'],
      registers,
    }),
    typing: new Counter({
      name: 'parlance_typing_frames_total',
      help: 'Typing frames handed to sockets',
      registers,
    }),
    presence: new Counter({
      name: 'parlance_presence_frames_total',
      help: 'Presence frames handed to sockets',
      registers,
    }),
    people: (count: () => number) =>
      new Gauge({
        name: 'parlance_people_online',
        help: 'People with an open connection',
        registers,
        collect() {
          this.set(count());
        },
      }),
    connections: (count: () => number) =>
      new Gauge({
        name: 'parlance_connections',
        help: 'Open connections, WebSockets and polls',
        registers,
        collect() {
          this.set(count());
        },
      }),
  };
};
