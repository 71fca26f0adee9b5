import { Packr } from 'msgpackr';
import { WebSocket } from 'ws';
import {
  type ClientFrame,
  type Command,
  type ErrorBody,
  type ServerFrame,
  type Session,
  subprotocols,
} from '../../gateways/protocol.ts';

const PATIENCE_MS = 10_000;

type Ack = Extract<ServerFrame, { type: 'ack' }>;
type Refused = Extract<ServerFrame, { type: 'error' }>;

const packr = new Packr({ useRecords: false });

/** A WebSocket that keeps what it was told, for tests to wait on. */
export const openSocket = async (
  url: string,
  headers: Record<string, string> = {},
  { msgpack = false, compress = false } = {},
) => {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws`, msgpack ? [subprotocols.msgpack] : [], {
    headers,
    perMessageDeflate: compress,
  });
  const frames: ServerFrame[] = [];
  const watchers = new Set<() => void>();
  const changed = () => {
    for (const watcher of watchers) watcher();
  };
  let closed: { code: number; reason: string } | undefined;
  socket.on('message', (data: Buffer) => {
    frames.push((msgpack ? packr.unpack(data) : JSON.parse(data.toString())) as ServerFrame);
    changed();
  });
  socket.on('close', (code, reason) => {
    closed = { code, reason: reason.toString() };
    changed();
  });
  socket.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });

  /** Waits until `find` gives something, looking again whenever something arrives. */
  const until = <T>(find: () => T | undefined, what: string): Promise<T> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        watchers.delete(look);
        reject(new Error(`no ${what} within ${PATIENCE_MS} ms; got ${JSON.stringify(frames.slice(-5))}`));
      }, PATIENCE_MS);
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

  const send = (frame: ClientFrame) => socket.send(msgpack ? packr.pack(frame) : JSON.stringify(frame));
  const events = () =>
    frames.flatMap((frame) =>
      frame.type === 'events'
        ? frame.events.map((one) => ({ conversationId: frame.conversationId, ...one }))
        : [],
    );

  return {
    socket,
    frames,
    events,
    send,
    until,
    closed: () => until(() => closed, 'close'),
    hello: async (token: string, sync?: string) => {
      const before = frames.length;
      send({ type: 'hello', version: 1, token, ...(sync !== undefined && { sync }) });
      return until(
        () => frames.slice(before).find((frame) => frame.type === 'welcome' || frame.type === 'error'),
        'welcome',
      );
    },
    /** Sends a command and waits for its answer. */
    ask: (id: string, command: Command): Promise<Ack | Refused> => {
      const before = frames.length;
      send({ type: 'command', id, command });
      return until(
        () =>
          frames
            .slice(before)
            .find(
              (frame): frame is Ack | Refused =>
                (frame.type === 'ack' || frame.type === 'error') && frame.id === id,
            ),
        `answer to ${id}`,
      );
    },
    /** Waits until this event of the conversation has arrived. */
    event: (conversationId: string, seq: number) =>
      until(
        () => events().find((one) => one.conversationId === conversationId && one.seq === seq),
        `event ${seq}`,
      ),
    close: async () => {
      socket.close();
      return until(() => closed, 'close');
    },
  };
};

export type Socket = Awaited<ReturnType<typeof openSocket>>;

/** A JSON request; the body is parsed whatever the status. */
export const request = async <T = unknown>(
  url: string,
  path: string,
  {
    method = 'GET',
    token,
    body,
    headers = {},
  }: { method?: string; token?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<{ status: number; body: T; headers: Headers }> => {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  const text = await response.text();
  return {
    status: response.status,
    body: (text === '' ? undefined : JSON.parse(text)) as T,
    headers: response.headers,
  };
};

/** Makes an account and signs in. */
export const signUp = async (url: string, username: string): Promise<Session> => {
  const { status, body } = await request<Session | ErrorBody>(url, '/v1/accounts', {
    method: 'POST',
    body: { username, password: `${username}-password` },
  });
  if (status !== 201) throw new Error(`${username} could not sign up: ${JSON.stringify(body)}`);
  return body as Session;
};
