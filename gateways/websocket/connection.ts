import type { UserId } from '../../domain/id.ts';
import { ClientFrame, type ErrorBody, PROTOCOL_VERSION, type ServerFrame, closeCodes } from '../protocol.ts';
import { Refusal, errorBodyOf, invalidRequest } from '../rejections.ts';
import { type ArrivalDeps, type Beginning, arrive } from './arrival.ts';
import { Frame } from './frame.ts';
import { type HeldSeat, createHeldSeat } from './held-seat.ts';
import type { Hellos } from './hellos.ts';
import { type RequestDeps, type Requests, createRequests } from './requests.ts';
import type { Seat } from './rooms.ts';
import type { Transport } from './transport.ts';

export type Identity = { readonly userId: UserId; readonly deviceId: string; readonly expiresAt: number };

export type ConnectionDeps = ArrivalDeps &
  RequestDeps & {
    readonly hellos: Hellos;
    readonly typing: { leave(seat: Seat): void };
    readonly presence: { arrive(seat: Seat): void; leave(seat: Seat): void };
    /** Checks an access token; throws an error with a code. */
    readonly authenticate: (token: string) => Promise<Identity>;
    readonly maxPerPerson: number;
    readonly now: () => number;
    /** Hears of connections that were ended for that. */
    readonly onEnded: (why: 'slow' | 'silent') => void;
  };

export const connectionLimits = {
  helloMs: 10_000,
  /** Bytes that a reader may be behind before it is told to resume, and closed. */
  unreadBytes: 4 * 1024 * 1024,
  /** While a reader is told what it missed, it is not put further behind than this… */
  backfillBytes: 1024 * 1024,
  /** …for so long. */
  patienceMs: 2_000,
  /** How long a connection outlives its token, so that a fresh one can be sent. */
  tokenGraceMs: 30_000,
} as const;

/** How often a reader that is behind is looked at. */
const LOOK_MS = 20;

type Hello = Extract<ClientFrame, { type: 'hello' }>;

/** One connection, from its first frame to its end. */
export const createConnection = (transport: Transport, correlationId: string, deps: ConnectionDeps) => {
  const { address } = transport;
  const openedAt = performance.now();
  let identity: Identity | undefined;
  let greeting: Promise<void> | undefined;
  let held: HeldSeat | undefined;
  /** From the welcome on. */
  let requests: Requests | undefined;
  let alive = true;
  let ended = false;
  let farewell: (() => void) | undefined;
  const isOpen = () => !ended && transport.open;

  const write = (frame: Frame) => {
    if (!isOpen()) return;
    if (transport.unread > connectionLimits.unreadBytes) {
      deps.onEnded('slow');
      return dismiss(closeCodes.tooSlow, 'too slow: resume', 100);
    }
    transport.send(frame);
  };
  const send = (frame: ServerFrame) => write(new Frame(frame));
  const refuse = (id: string | undefined, body: ErrorBody) =>
    send({ type: 'error', ...(id !== undefined && { id }), ...body });

  const forget = () => {
    if (held && requests) {
      deps.typing.leave(held.seat);
      deps.presence.leave(held.seat);
    }
    if (held) deps.rooms.remove(held.seat);
    [held, requests] = [undefined, undefined];
  };
  const end = (code: number, reason: string) => {
    if (ended) return;
    ended = true;
    forget();
    transport.close(code, reason);
  };
  const dismiss = (code: number, reason: string, comeBackInMs: number) => {
    if (isOpen()) transport.send(new Frame({ type: 'bye', reason, comeBackInMs }));
    end(code, reason);
  };
  /** What may pass by itself (an engine is away, a view is late) is no reason to sign anybody out. */
  const giveUp = (error: unknown, code: number, reason: string) => {
    const body = errorBodyOf(error);
    if (body.code === 'internal') deps.onError(error, correlationId);
    refuse(undefined, body);
    end(body.retry ? closeCodes.tryAgainLater : code, reason);
  };

  const hello = async (frame: Hello) => {
    if (frame.version !== PROTOCOL_VERSION) {
      return giveUp(new Refusal('version_unsupported'), closeCodes.versionUnsupported, 'version unsupported');
    }
    if (greeting) {
      await greeting;
      return isOpen() ? renew(frame) : undefined;
    }
    greeting = greet(frame);
    return greeting;
  };

  const greet = async (frame: Hello) => {
    const passed = await deps.hellos.pass(async () => {
      if (isOpen() && (await identify(frame.token))) await takeSeat(frame);
    });
    if (!passed) dismiss(closeCodes.tryAgainLater, 'too many come back at once', deps.hellos.comeBackInMs());
  };

  const identify = async (token: string): Promise<boolean> => {
    let fresh: Identity;
    try {
      fresh = await deps.authenticate(token);
    } catch (error) {
      giveUp(error, closeCodes.unauthorized, 'the token was refused');
      return false;
    }
    if (identity && (fresh.userId !== identity.userId || fresh.deviceId !== identity.deviceId)) {
      end(closeCodes.unauthorized, 'a connection keeps its person and device');
      return false;
    }
    identity = fresh;
    return isOpen();
  };

  const takeSeat = async ({ sync }: Hello) => {
    if (!identity) return;
    if (deps.rooms.count(identity.userId) >= deps.maxPerPerson) {
      refuse(undefined, errorBodyOf(new Refusal('too_many_connections')));
      return end(closeCodes.tooManyConnections, 'too many connections');
    }
    const mine = createHeldSeat(identity, write);
    held = mine;
    try {
      await arrive(deps, mine, sync, { send: write, ready }, (beginning) => welcome(mine.seat, beginning));
    } catch (error) {
      giveUp(error, closeCodes.internal, 'internal error');
    } finally {
      // It may have ended before it was seated.
      if (!isOpen()) deps.rooms.remove(mine.seat);
    }
  };

  const welcome = (seat: Seat, { sync, resumed, cause }: Beginning) => {
    const { userId, deviceId } = seat;
    const why = cause && { cause: { code: cause.code, message: cause.message } };
    const now = deps.now();
    send({ type: 'welcome', version: PROTOCOL_VERSION, userId, deviceId, now, sync, resumed, ...why });
    if (requests) return;
    requests = createRequests(seat, { address, correlationId }, { send, refuse }, deps, () => farewell?.());
    deps.presence.arrive(seat);
  };

  /** A fresh token for a connection that has everything already. */
  const renew = async ({ token }: Hello) => {
    if (!(await identify(token)) || !held?.live) return;
    const sync = deps.delivery.sync();
    welcome(held.seat, { sync, resumed: true });
    send({ type: 'synced', sync });
  };

  /** Waits, but not for long, while the reader is behind. */
  const ready = async (): Promise<boolean> => {
    for (let waited = 0; waited < connectionLimits.patienceMs; waited += LOOK_MS) {
      if (!isOpen() || transport.unread <= connectionLimits.backfillBytes) break;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    return isOpen();
  };

  const receive = (value: unknown): Promise<void> | void => {
    if (value === undefined)
      return refuse(
        undefined,
        errorBodyOf(new Refusal('invalid_request', 'a frame is one object of the subprotocol')),
      );
    const parsed = ClientFrame.safeParse(value);
    if (!parsed.success) return refuse(idOf(value), invalidRequest(parsed.error));
    const frame = parsed.data;
    if (frame.type === 'hello') return hello(frame);
    if (frame.type === 'ping')
      return send({ type: 'pong', ...(held?.live && { sync: deps.delivery.sync() }) });
    if (!requests) return refuse(idOf(frame), errorBodyOf(new Refusal('unauthorized', 'say hello first')));
    // Left unanswered: the client repeats it to whoever answers next.
    return farewell ? undefined : requests.handle(frame);
  };

  transport.handlers = {
    receive(value) {
      alive = true;
      receive(value)?.catch((error: unknown) => {
        deps.onError(error, correlationId);
        end(closeCodes.internal, 'internal error');
      });
    },
    alive() {
      alive = true;
    },
    closed() {
      ended = true;
      forget();
    },
  };

  return {
    identity: () => identity,
    /** Called every few seconds by the one wheel of all connections; `beat` when it is time for a heartbeat. */
    check(now: number, beat: boolean) {
      if (!greeting && performance.now() - openedAt > connectionLimits.helloMs)
        return end(closeCodes.helloTimeout, 'no hello in time');
      if (identity && now > identity.expiresAt + connectionLimits.tokenGraceMs) {
        return end(closeCodes.unauthorized, 'the token expired; say hello with a fresh one in time');
      }
      if (!beat) return undefined;
      if (!alive) {
        deps.onEnded('silent');
        return transport.terminate();
      }
      alive = false;
      return transport.beat();
    },
    end,
    /** Takes no more commands, answers those that it has, says when to come back, and ends. */
    leave(reason: string, comeBackInMs: number) {
      farewell ??= () => dismiss(closeCodes.restarting, reason, comeBackInMs);
      if (!requests || requests.waiting() === 0) farewell();
    },
    terminate: () => transport.terminate(),
  };
};

export type Connection = ReturnType<typeof createConnection>;

const idOf = (frame: unknown): string | undefined =>
  typeof frame === 'object' &&
  frame !== null &&
  'id' in frame &&
  typeof frame.id === 'string' &&
  frame.id.length <= 100
    ? frame.id
    : undefined;
