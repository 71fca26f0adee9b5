import type { ClientFrame, PROTOCOL_VERSION, ServerFrame, SyncToken, closeCodes } from '../protocol.ts';
import { type Clock, backoff } from './clock.ts';
import type { Access, Status } from './options.ts';
import type { Times } from './times.ts';
import type { Line, Transport } from './transport.ts';
import { createWatch } from './watch.ts';

const version: typeof PROTOCOL_VERSION = 1;
const UNAUTHORIZED: typeof closeCodes.unauthorized = 4401;
/** To come back soon is of no use. */
const HOPELESS: readonly number[] = [4400, 4430] satisfies (typeof closeCodes)[
  | 'versionUnsupported'
  | 'tooManyConnections'][];
/** Codes with which a network, not the server, ends a connection. */
const NETWORK: readonly number[] = [1002, 1005, 1006, 1007, 1015];
const FAILURES = 2;
/** Clients of one session that can't lock each other out must not renew it at the same moment. */
const EARLY = { least: 15_000, spread: 40_000, soonest: 5_000, again: 15_000 };

type Deps = {
  readonly access: Access;
  readonly transports: readonly [Transport, ...Transport[]];
  readonly clock: Clock;
  readonly times: Times;
  readonly random: () => number;
  readonly sync: () => SyncToken | undefined;
  /** Whether the server answers over HTTP. */
  readonly probe: () => Promise<boolean>;
  readonly onFrame: (frame: ServerFrame) => void;
  readonly onStatus: (status: Status) => void;
  /** A connection that was welcomed is over. */
  readonly onBroken: (code: number) => void;
};

/**
 * Keeps one connection open for as long as it can. A second transport takes over when the first one has failed twice while
 * HTTP works, and gives way to it again after a time.
 */
export const createLink = (deps: Deps) => {
  const { access, transports, clock, times, random, onFrame, onStatus } = deps;
  const [first, second] = transports;
  let status: Status = { state: 'closed', reason: 'It was not opened yet.' };
  let line: Line | undefined;
  let online = false;
  let connecting = false;
  let closed = false;
  let used: string | undefined;
  let refused: string | undefined;
  let attempts = 0;
  let failures = 0;
  let secondUntil = 0;
  let cancelRetry: (() => void) | undefined;
  /** Of the connection that is open. */
  let ask: (() => void) | undefined;
  let leave: (() => void) | undefined;

  const tell = (next: Status) => {
    status = next;
    onStatus(next);
  };

  const later = (ms: number, reason: string) => {
    if (closed) return;
    cancelRetry?.();
    cancelRetry = clock.after(ms, connect);
    tell({ state: 'offline', nextAt: clock.now() + ms, reason });
  };

  const wait = () => {
    const { backoffFirst, backoffMost } = times;
    attempts += 1;
    return backoff(attempts - 1, { first: backoffFirst, most: backoffMost, random });
  };

  const end = (reason: string) => {
    if (closed) return;
    closed = true;
    cancelRetry?.();
    leave?.();
    tell({ state: 'closed', reason });
  };

  const connect = () => {
    cancelRetry?.();
    cancelRetry = undefined;
    if (closed || connecting || line) return;
    connecting = true;
    tell({ state: 'connecting' });
    access.token(refused).then(
      (token) => {
        connecting = false;
        if (!closed) open(token);
      },
      (error: unknown) => {
        connecting = false;
        if (isFinal(error)) end(reasonOf(error));
        else later(wait(), reasonOf(error));
      },
    );
  };

  const open = (token: string) => {
    const transport = second && clock.now() < secondUntil ? second : first;
    let welcomedAt: number | undefined;
    let comeBackInMs: number | undefined;
    let refusal: string | undefined;
    let over = false;
    let cancelRenewal: (() => void) | undefined;
    let cancelChange: (() => void) | undefined;
    used = token;

    const stop = () => {
      over = true;
      watch.stop();
      cancelRenewal?.();
      cancelChange?.();
      line = undefined;
      ask = undefined;
      leave = undefined;
    };
    const finish = (code: number, reason: string) => {
      if (over) return;
      stop();
      const lasted = welcomedAt === undefined ? 0 : clock.now() - welcomedAt;
      if (lasted >= times.steady) attempts = 0;
      if (HOPELESS.includes(code)) attempts = Math.max(attempts, 10);
      // With any other code the token is as good as before.
      if (code === UNAUTHORIZED) refused = used;
      if (transport === first && welcomedAt === undefined && NETWORK.includes(code)) void judge();
      if (online) {
        online = false;
        deps.onBroken(code);
      }
      const because =
        refusal || reason || (welcomedAt ? 'The connection was lost.' : 'The server can’t be reached.');
      later(comeBackInMs ?? wait(), because);
    };
    const drop = (reason: string) => {
      if (over) return;
      mine.close();
      finish(1006, reason);
    };
    /** To be there again at once, over the first transport. */
    const change = () => {
      if (over) return;
      comeBackInMs = 0;
      drop('WebSocket is tried again.');
    };

    const renewal = () => {
      if (!access.freshFor) return;
      const early = EARLY.least + random() * EARLY.spread;
      cancelRenewal = clock.after(Math.max(EARLY.soonest, access.freshFor() - early), renew);
    };
    const renew = () => {
      access.token().then(
        (fresh) => {
          if (over) return;
          if (fresh !== used) mine.send({ type: 'hello', version, token: fresh });
          used = fresh;
          renewal();
        },
        (error: unknown) => {
          if (over) return;
          if (isFinal(error)) end(reasonOf(error));
          else cancelRenewal = clock.after(EARLY.again, renew);
        },
      );
    };

    const welcome = () => {
      welcomedAt = clock.now();
      refused = undefined;
      online = true;
      if (transport === first) failures = 0;
      else cancelChange = clock.after(Math.max(0, secondUntil - clock.now()), change);
      watch.welcomed();
      renewal();
      tell({ state: 'online', over: transport.name });
    };

    const watch = createWatch({
      clock,
      times,
      ask: () => mine.send({ type: 'ping' }),
      onSilence: () => drop('The server did not answer.'),
    });
    const mine = transport.open({
      opened: () => {
        const sync = deps.sync();
        if (!over) mine.send({ type: 'hello', version, token, ...(sync !== undefined && { sync }) });
      },
      receive: (frame) => {
        if (over) return;
        watch.heard();
        if (frame.type === 'bye') ({ comeBackInMs } = frame);
        if (frame.type === 'error' && welcomedAt === undefined) refusal = frame.message;
        if (frame.type === 'welcome') {
          // Another one answers a fresh token.
          if (welcomedAt !== undefined) return;
          welcome();
        }
        onFrame(frame);
      },
      closed: finish,
    });
    line = mine;
    ask = watch.ask;
    leave = () => {
      stop();
      mine.close();
    };
  };

  /** Was it the server, or does only WebSocket not get through? */
  const judge = async () => {
    if (!second) return;
    const reachable = await deps.probe();
    failures = reachable ? failures + 1 : 0;
    if (failures < FAILURES) return;
    // When it is tried again, once is enough.
    failures = FAILURES - 1;
    secondUntil = clock.now() + times.polling;
  };

  return {
    connect,
    status: () => status,
    send: (frame: ClientFrame): boolean => {
      if (!online || !line) return false;
      line.send(frame);
      return true;
    },
    hurry: () => {
      if (ask) ask();
      else if (status.state === 'offline') connect();
    },
    close: () => end('It was closed.'),
  };
};

const isFinal = (error: unknown): boolean =>
  error instanceof Error && 'retry' in error && error.retry === false;
const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
