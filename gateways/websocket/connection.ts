import type { RawData, WebSocket } from 'ws';
import type { Execute } from '../../commands/execute.ts';
import type { Meta } from '../../domain/codec.ts';
import type { ConversationId, UserId } from '../../domain/id.ts';
import { isRejection } from '../../domain/rejection.ts';
import { ClientFrame, type ErrorBody, PROTOCOL_VERSION, type ServerFrame, closeCodes } from '../protocol.ts';
import { errorBodyOf, invalidRequest } from '../rejections.ts';
import { type Outbox, textFrame } from './outbox.ts';
import type { Rooms, Seat } from './rooms.ts';

export type Identity = { readonly userId: UserId; readonly deviceId: string; readonly expiresAt: number };

export type ConnectionDeps = {
  readonly rooms: Rooms;
  readonly execute: Execute;
  /** Checks an access token; throws an error with a code. */
  readonly authenticate: (token: string) => Promise<Identity>;
  /** The person's conversations, from views that hold everything delivered so far. */
  readonly conversationsOf: (userId: UserId) => Promise<readonly ConversationId[]>;
  /** Resolves once the views hold everything that has been delivered. */
  readonly settled: () => Promise<void>;
  readonly now: () => number;
  readonly onError: (error: unknown, correlationId: string) => void;
};

export const connectionLimits = {
  helloMs: 10_000,
  /** How long a client may take to answer a close. */
  closeMs: 2_000,
  /** Commands of one socket that wait for their answer. */
  commands: 256,
  /** Bytes that a reader may be behind before its socket is closed. */
  unreadBytes: 4 * 1024 * 1024,
  /** How long a socket outlives its token, so that a fresh one can be sent. */
  tokenGraceMs: 30_000,
} as const;

/** One socket, from its first frame to its end. */
export const createConnection = (
  socket: WebSocket,
  outbox: Outbox,
  correlationId: string,
  deps: ConnectionDeps,
) => {
  const openedAt = deps.now();
  let identity: Identity | undefined;
  let meta: Meta | undefined;
  let seat: Seat | undefined;
  let greeting = false;
  let commands = 0;
  let alive = true;
  let farewell: (() => void) | undefined;
  const isLeaving = () => farewell !== undefined;

  const write = (frame: Buffer) => {
    if (socket.readyState !== socket.OPEN) return;
    if (outbox.unread > connectionLimits.unreadBytes) {
      return end(closeCodes.tooSlow, 'too slow: read what you missed when you come back');
    }
    outbox.put(frame);
  };
  const send = (frame: ServerFrame) => write(textFrame(JSON.stringify(frame)));
  const refuse = (id: string | undefined, body: ErrorBody) =>
    send({ type: 'error', ...(id !== undefined && { id }), ...body });
  const end = (code: number, reason: string) => {
    if (seat) deps.rooms.remove(seat);
    outbox.flush();
    socket.close(code, reason);
    setTimeout(() => socket.terminate(), connectionLimits.closeMs).unref();
  };

  const hello = async (token: string) => {
    let fresh: Identity;
    try {
      fresh = await deps.authenticate(token);
    } catch (error) {
      return giveUp(error, closeCodes.unauthorized, 'the token was refused');
    }
    if (identity && (fresh.userId !== identity.userId || fresh.deviceId !== identity.deviceId)) {
      return end(closeCodes.unauthorized, 'a socket keeps its person and device');
    }
    identity = fresh;
    meta ??= { correlationId, deviceId: fresh.deviceId };
    if (greeting) return seat && welcome(fresh);
    greeting = true;
    try {
      await takeSeat(fresh);
    } catch (error) {
      return giveUp(error, closeCodes.internal, 'internal error');
    }
  };

  const welcome = ({ userId, deviceId }: Identity) =>
    send({ type: 'welcome', version: PROTOCOL_VERSION, userId, deviceId, now: deps.now() });

  /** Whatever happens from the moment the seat is taken follows the welcome; whatever was before is in the views by then. */
  const takeSeat = async (who: Identity) => {
    const held: Buffer[] = [];
    let bytes = 0;
    const hold = (frame: Buffer) => {
      bytes += frame.length;
      if (bytes > connectionLimits.unreadBytes)
        return end(closeCodes.tooSlow, 'too much happened before the welcome');
      held.push(frame);
    };
    const mine: Seat = {
      userId: who.userId,
      deviceId: who.deviceId,
      send: (frame) => (seat ? write(frame) : hold(frame)),
    };
    try {
      await deps.rooms.seat(mine, () => deps.conversationsOf(who.userId));
      await deps.settled();
    } finally {
      if (socket.readyState !== socket.OPEN) deps.rooms.remove(mine);
    }
    if (socket.readyState !== socket.OPEN) return;
    welcome(who);
    seat = mine;
    for (const frame of held) write(frame);
  };

  /** What may pass by itself (an engine is away, a view is late) is no reason to sign anybody out. */
  const giveUp = (error: unknown, code: number, reason: string) => {
    const body = errorBodyOf(error);
    if (body.code === 'internal') deps.onError(error, correlationId);
    refuse(undefined, body);
    end(body.retry ? closeCodes.tryAgainLater : code, reason);
  };

  const command = async ({ id, command: wish }: Extract<ClientFrame, { type: 'command' }>) => {
    if (!identity || !seat)
      return refuse(id, { code: 'unauthorized', message: 'say hello first', retry: false });
    if (commands >= connectionLimits.commands) {
      return refuse(id, {
        code: 'overloaded',
        message: `${commands} commands of this socket are waiting; await some`,
        retry: true,
      });
    }
    // Left unanswered: the client repeats it to whoever answers next.
    if (isLeaving()) return;
    commands += 1;
    try {
      const answer = await deps.execute({ id, by: identity.userId, ...(meta && { meta }) }, wish);
      if (isRejection(answer)) refuse(id, errorBodyOf(answer));
      else send({ type: 'ack', id, ...answer });
    } catch (error) {
      const body = errorBodyOf(error);
      if (body.code === 'internal') deps.onError(error, correlationId);
      refuse(id, body);
    } finally {
      commands -= 1;
      if (commands === 0) farewell?.();
    }
  };

  const receive = async (data: RawData, binary: boolean) => {
    const frame = binary || !Buffer.isBuffer(data) ? undefined : parse(data.toString());
    if (frame === undefined)
      return refuse(undefined, {
        code: 'invalid_request',
        message: 'a frame is one JSON object in a text message',
        retry: false,
      });
    const parsed = ClientFrame.safeParse(frame);
    if (!parsed.success) return refuse(idOf(frame), invalidRequest(parsed.error));
    switch (parsed.data.type) {
      case 'hello':
        return hello(parsed.data.token);
      case 'command':
        return command(parsed.data);
      case 'ping':
        return send({ type: 'pong' });
    }
  };

  socket.on('message', (data, binary) => {
    // Whoever was told that it is over may go on talking until the close is answered.
    if (socket.readyState !== socket.OPEN) return;
    alive = true;
    receive(data, binary).catch((error: unknown) => {
      deps.onError(error, correlationId);
      end(closeCodes.internal, 'internal error');
    });
  });
  socket.on('pong', () => {
    alive = true;
  });
  socket.on('error', () => socket.terminate());
  socket.on('close', () => {
    if (seat) deps.rooms.remove(seat);
  });

  return {
    identity: () => identity,
    /** Called every few seconds by the one wheel of all sockets; `beat` when it is time for a heartbeat. */
    check(now: number, beat: boolean) {
      if (!identity && now - openedAt > connectionLimits.helloMs)
        return end(closeCodes.helloTimeout, 'no hello in time');
      if (identity && now > identity.expiresAt + connectionLimits.tokenGraceMs) {
        return end(closeCodes.unauthorized, 'the token expired; say hello with a fresh one in time');
      }
      if (!beat) return undefined;
      if (!alive) return socket.terminate();
      alive = false;
      return socket.ping();
    },
    end,
    /** Takes no more commands, answers those that it has, says when to come back, and ends. */
    leave(reason: string, comeBackInMs: number) {
      farewell ??= () => {
        send({ type: 'bye', reason, comeBackInMs });
        end(closeCodes.restarting, 'restarting');
      };
      if (commands === 0) farewell();
    },
    terminate: () => socket.terminate(),
  };
};

export type Connection = ReturnType<typeof createConnection>;

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

const idOf = (frame: unknown): string | undefined =>
  typeof frame === 'object' &&
  frame !== null &&
  'id' in frame &&
  typeof frame.id === 'string' &&
  frame.id.length <= 100
    ? frame.id
    : undefined;
