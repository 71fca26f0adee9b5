import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { createBacklog } from './backlog.ts';
import type { ConnectionDeps } from './connection.ts';
import { type Connections, createConnections } from './connections.ts';
import { createSocketServer } from './server.ts';

// A wheel that turns in 150 ms, for sockets that have not said hello: what they need until then.
const TURN_MS = 5;
let now = 0;
let ended: string[];
let connections: Connections;
let url: string;
let close: () => void;

beforeEach(async () => {
  [now, ended] = [0, []];
  const deps = { now: () => now, onEnded: (why: string) => ended.push(why) } as unknown as ConnectionDeps;
  connections = createConnections(deps, { total: 100, perAddress: 100 }, TURN_MS);
  const http = createServer();
  createSocketServer(http, connections, createBacklog(1_000_000), {
    publicHost: undefined,
    trustedProxies: 0,
    compressFrom: undefined,
  });
  await once(http.listen(0, '127.0.0.1'), 'listening');
  url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/ws`;
  close = () => http.close();
});
afterEach(async () => {
  await connections.drain();
  close();
});

const open = async () => {
  const socket = new WebSocket(url);
  let pings = 0;
  socket.on('ping', () => (pings += 1));
  socket.on('error', () => undefined);
  await once(socket, 'open');
  return { socket, pings: () => pings };
};

describe('the wheel of heartbeats', () => {
  it('ends sockets that don’t answer, and no others', async () => {
    const sockets = await Promise.all(Array.from({ length: 40 }, open));
    const [deaf] = sockets;
    if (!deaf) throw new Error('nobody');
    deaf.socket.pause();
    await vi.waitFor(() => expect(ended).toEqual(['silent']), 5_000);
    await vi.waitFor(() => expect(connections.count()).toBe(39), 5_000);
    await vi.waitFor(() => {
      for (const one of sockets.slice(1)) expect(one.pings()).toBeGreaterThan(3);
    }, 5_000);
    expect([ended.length, connections.count()]).toEqual([1, 39]);
    deaf.socket.terminate();
  });

  it('ends sockets that say no hello in time', async () => {
    const { socket } = await open();
    now += 11_000;
    expect((await once(socket, 'close'))[0]).toBe(4408);
  });
});

describe('draining', () => {
  it('tells sockets to come back one after the other, and takes no new ones', async () => {
    const sockets = await Promise.all(Array.from({ length: 50 }, open));
    const byes = sockets.map(async ({ socket }) => {
      const [data] = (await once(socket, 'message')) as [Buffer];
      return (JSON.parse(String(data)) as { comeBackInMs: number }).comeBackInMs;
    });
    const drained = connections.drain();
    const times = (await Promise.all(byes)).toSorted((one, other) => one - other);
    expect(times.at(0)).toBeGreaterThanOrEqual(500);
    expect(times.at(-1)).toBeLessThanOrEqual(3_000);
    for (const [n, time] of times.entries()) expect(Math.abs(time - 500 - n * 50)).toBeLessThanOrEqual(50);
    await expect(open()).rejects.toThrow('503');
    await drained;
    expect(connections.count()).toBe(0);
  });
});
