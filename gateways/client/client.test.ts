import { readFileSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { type Parlance, startParlance } from '../../infra/testing/start.ts';
import type { Command } from '../protocol.ts';
import { createApi } from './api.ts';
import { type Client, createClient } from './client.ts';
import { createMemory } from './key-value.ts';
import type { ClientOptions, Listeners } from './options.ts';
import { pollingTransport } from './polling.ts';
import { type StoredSession, createSession } from './session.ts';
import { webSocketTransport } from './web-socket.ts';

const PATIENCE = 10_000;
const hello = (conversationId: string, text: string): Command => ({
  type: 'SendMessage',
  conversationId,
  content: { kind: 'text', text },
  mentions: [],
});

let parlance: Parlance;
const opened: Client[] = [];
beforeAll(async () => {
  parlance = await startParlance();
});
afterAll(async () => {
  for (const client of opened) client.close();
  await parlance.close();
});

const signUp = async (username: string) => {
  const url = parlance.url;
  let stored: StoredSession | undefined;
  const access = createSession({ url, store: { get: () => stored, set: (next) => (stored = next) } });
  const api = createApi({ url, access });
  access.signedIn(await api.signUp({ username, password: 'correct horse' }));
  return { access, api, userId: stored?.user.userId ?? '' };
};
type Person = Awaited<ReturnType<typeof signUp>>;

/** A client that notes what it is told, and lets one wait for it. */
const open = ({ access, userId }: Person, options: Partial<ClientOptions> = {}) => {
  const told: { [K in keyof Listeners]: Parameters<Listeners[K]>[] } = {
    onStatus: [],
    onEvents: [],
    onBehind: [],
    onReset: [],
    onSynced: [],
    onLost: [],
    onOutgoing: [],
    onReceipts: [],
    onMarked: [],
    onTyping: [],
    onPresence: [],
    onDraft: [],
    onError: [],
  };
  const watchers = new Set<() => void>();
  const note =
    <K extends keyof Listeners>(name: K) =>
    (...what: Parameters<Listeners[K]>) => {
      told[name].push(what);
      for (const watcher of watchers) watcher();
    };
  const client = createClient({
    url: parlance.url,
    userId,
    access,
    WebSocket,
    listeners: {
      ...Object.fromEntries(Object.keys(told).map((name) => [name, note(name as keyof Listeners)])),
      onBehind: (...range) => {
        note('onBehind')(...range);
        return 'page';
      },
    },
    ...options,
  });
  opened.push(client);
  client.connect();
  const until = <T>(find: () => T | undefined, what: string) =>
    new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${what}`)), PATIENCE);
      const look = () => {
        const found = find();
        if (found === undefined) return;
        clearTimeout(timer);
        watchers.delete(look);
        resolve(found);
      };
      watchers.add(look);
      look();
    });
  const texts = () =>
    told.onEvents.flatMap(([, events]) =>
      events.flatMap(({ event }) => (event.type === 'MessageSent' ? [event.content.text] : [])),
    );
  return {
    client,
    told,
    until,
    texts,
    reset: () => until(() => told.onReset[0], 'reset'),
    text: (text: string) => until(() => (texts().includes(text) ? text : undefined), text),
  };
};

const ways = {
  WebSocket: () => ({}),
  'long polling': () => ({ transports: [pollingTransport({ url: parlance.url })] as const }),
};

describe.each(Object.entries(ways))('over %s', (way, options) => {
  test('two people talk, see each other write, and know what was read', async () => {
    const name = way.slice(0, 1);
    const [ada, ben] = [await signUp(`ada-${name}`), await signUp(`ben-${name}`)];
    const { conversationId } = await ada.api.startDirect(ben.userId);
    const [a, b] = [open(ada, options()), open(ben, options())];
    await Promise.all([a.reset(), b.reset()]);
    a.client.typing(conversationId);
    await b.until(() => b.told.onTyping.find(([, people]) => people.includes(ada.userId)), 'typing');
    const { seq } = await a.client.submit(hello(conversationId, 'hello'));
    await b.text('hello');
    await b.until(() => b.told.onTyping.find(([, people]) => people.length === 0), 'end of typing');
    await b.until(() => b.told.onMarked.find(([{ delivered }]) => delivered === seq), 'delivered');
    b.client.markRead(conversationId, seq);
    await a.until(
      () =>
        a.told.onReceipts.find(([{ marks }]) =>
          marks?.some((mark) => mark.userId === ben.userId && mark.read === seq),
        ),
      'receipt',
    );
    expect(a.told.onOutgoing.map(([{ state }]) => state)).toEqual(['pending', 'sent']);
    expect(a.told.onError).toEqual([]);
    expect(b.told.onError).toEqual([]);
    expect(a.client.status()).toEqual({
      state: 'online',
      over: way === 'WebSocket' ? 'websocket' : 'polling',
    });
    a.client.close();
    b.client.close();
  });

  test('after a restart of the client everything missed comes once, and what waited is sent once', async () => {
    const name = way.slice(0, 1);
    const [cid, dan] = [await signUp(`cid-${name}`), await signUp(`dan-${name}`)];
    const { conversationId } = await cid.api.startDirect(dan.userId);
    const kv = createMemory();
    const c = open(cid, options());
    const first = open(dan, { ...options(), kv });
    await Promise.all([c.reset(), first.reset()]);
    await c.client.submit(hello(conversationId, 'one'));
    await first.text('one');
    first.client.close();
    await c.client.submit(hello(conversationId, 'two'));
    // Written while there is no connection.
    const dead = createClient({ url: 'http://127.0.0.1:9', userId: dan.userId, access: dan.access, kv });
    dead.submit(hello(conversationId, 'three')).catch(() => undefined);
    dead.submit(hello(conversationId, 'four')).catch(() => undefined);
    dead.close();
    const second = open(dan, { ...options(), kv });
    await Promise.all([second.text('two'), second.text('four'), c.text('four')]);
    expect(second.texts()).toEqual(['two', 'three', 'four']);
    expect(c.texts()).toEqual(['one', 'two', 'three', 'four']);
    expect(second.told.onReset).toEqual([]);
    expect(second.client.outgoing()).toEqual([]);
    c.client.close();
    second.client.close();
  });
});

test('where WebSocket does not get through it goes over to polling', async () => {
  const eve = await signUp('eve');
  const blocked = webSocketTransport({ url: 'http://127.0.0.1:9', WebSocket });
  const polling = pollingTransport({ url: parlance.url });
  const e = open(eve, { transports: [blocked, polling], times: { backoffFirst: 5, backoffMost: 20 } });
  await e.reset();
  expect(e.client.status()).toEqual({ state: 'online', over: 'polling' });
  e.client.close();
});

test('who signs out leaves nothing behind', async () => {
  const fay = await signUp('fay');
  const { conversationId } = await fay.api.startDirect((await signUp('gus')).userId);
  const kv = createMemory();
  const f = open(fay, { kv });
  await f.reset();
  await f.client.submit(hello(conversationId, 'hi'));
  await f.until(() => ([...kv.keys()].length > 0 ? true : undefined), 'note');
  f.client.forget();
  expect([...kv.keys()]).toEqual([]);
  await expect(f.client.submit(hello(conversationId, 'more'))).rejects.toMatchObject({ code: 'closed' });
});

test('of the protocol the client takes types only: its schemas are not for browsers', () => {
  for (const folder of ['./', '../web/', '../web/components/']) {
    const { pathname } = new URL(folder, import.meta.url);
    for (const file of readdirSync(pathname).filter((name) => /(?<!\.test)\.tsx?$/.test(name))) {
      const imports = readFileSync(pathname + file, 'utf8').matchAll(/import (type )?[^;]*protocol\.ts';/g);
      for (const [text, type] of imports) expect([file, type === 'type ' || text]).toEqual([file, true]);
    }
  }
});
