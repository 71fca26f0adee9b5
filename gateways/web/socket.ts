import type { ClientFrame, PROTOCOL_VERSION, ServerFrame, closeCodes } from '../protocol.ts';

const version: typeof PROTOCOL_VERSION = 1;
const UNAUTHORIZED: typeof closeCodes.unauthorized = 4401;
/** RFC 6455: a frame was larger than the other side takes. */
const TOO_LARGE = 1009;
const PING_EVERY = 25_000;
const SILENCE = 40_000;

export type Status = 'connecting' | 'online' | 'waiting';

type Options = {
  /** A fresh token; `instead` of one that was refused. Throws with `retry` false when there is no session any more. */
  readonly token: (instead?: string) => Promise<string>;
  readonly onFrame: (frame: ServerFrame) => void;
  readonly onStatus: (status: Status) => void;
  /** The connection was closed because of one of the frames that were sent. */
  readonly onTooLarge: () => void;
};

/** Keeps one socket open for as long as it can: backoff from 0.5 s, doubled to 30 s, each shortened at random. */
export const createSocket = ({ token, onFrame, onStatus, onTooLarge }: Options) => {
  let socket: WebSocket | undefined;
  let used: string | undefined;
  let refused: string | undefined;
  let attempts = 0;
  let online = false;
  let closed = false;
  let heard = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const send = (frame: ClientFrame): boolean => {
    if (!online && frame.type !== 'hello') return false;
    if (socket?.readyState !== WebSocket.OPEN) return false;
    socket.send(JSON.stringify(frame));
    return true;
  };

  const later = (ms: number) => {
    if (closed) return;
    onStatus('waiting');
    clearTimeout(timer);
    timer = setTimeout(() => void connect(), ms);
  };

  const backoff = () => {
    const ceiling = Math.min(30_000, 500 * 2 ** attempts);
    attempts += 1;
    return ceiling * (0.5 + Math.random() / 2);
  };

  const connect = async () => {
    clearTimeout(timer);
    if (closed || socket) return;
    onStatus('connecting');
    const pass = await token(refused).catch((error: unknown) => {
      if (!(error instanceof Error && 'retry' in error && error.retry === false)) later(backoff());
      return undefined;
    });
    if (pass === undefined || closed || socket) return;
    used = pass;
    open(new WebSocket(location.origin.replace(/^http/, 'ws') + '/ws'), pass);
  };

  const open = (mine: WebSocket, pass: string) => {
    socket = mine;
    heard = Date.now();
    let comeBack: number | undefined;
    const watch = setInterval(() => {
      if (Date.now() - heard > SILENCE) drop(mine);
      else send({ type: 'ping' });
    }, PING_EVERY);
    mine.onopen = () =>
      mine.send(JSON.stringify({ type: 'hello', version, token: pass } satisfies ClientFrame));
    mine.onmessage = ({ data }) => {
      heard = Date.now();
      const frame = JSON.parse(String(data)) as ServerFrame;
      if (frame.type === 'welcome' && !online) {
        online = true;
        attempts = 0;
        refused = undefined;
        onStatus('online');
      }
      if (frame.type === 'bye') comeBack = frame.comeBackInMs;
      onFrame(frame);
    };
    mine.onclose = ({ code }) => {
      clearInterval(watch);
      if (socket !== mine) return;
      socket = undefined;
      online = false;
      // With any other code the token is as good as before.
      if (code === UNAUTHORIZED) refused = used;
      if (code === TOO_LARGE) onTooLarge();
      later(comeBack ?? backoff());
    };
  };

  /** Without waiting for the other side, which may be gone. */
  const drop = (mine: WebSocket) => {
    mine.close();
    mine.onclose?.(new CloseEvent('close'));
  };

  const hurry = () => {
    if (!socket && document.visibilityState === 'visible') void connect();
  };
  globalThis.addEventListener('online', hurry);
  document.addEventListener('visibilitychange', hurry);

  return {
    connect,
    send,
    /** The same socket goes on with a fresh token. */
    renew: (pass: string) => {
      used = pass;
      send({ type: 'hello', version, token: pass });
    },
    close: () => {
      closed = true;
      clearTimeout(timer);
      globalThis.removeEventListener('online', hurry);
      document.removeEventListener('visibilitychange', hurry);
      socket?.close();
    },
  };
};
