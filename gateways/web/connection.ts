import { effect } from '@preact/signals';
import type { Acknowledgement, Command, ServerFrame } from '../protocol.ts';
import { newId } from './id.ts';
import { createOutbox } from './outbox.ts';
import { accessToken, session } from './session.ts';
import { createSocket } from './socket.ts';
import { clearStore, onEvents, resume, status } from './store.ts';
import { toast } from './toast.ts';

let socket: ReturnType<typeof createSocket> | undefined;

const outbox = createOutbox((frame) => socket?.send(frame) ?? false);

/** Answered once it is durable. Throws CommandFailed. */
export const submit = (command: Command, id: string = newId()): Promise<Acknowledgement> =>
  outbox.submit(id, command);

const onFrame = (frame: ServerFrame): void => {
  switch (frame.type) {
    case 'events':
      onEvents(frame.conversationId, frame.events);
      break;
    case 'ack':
      outbox.settle(frame);
      break;
    case 'error':
      // What passes by itself is shown by the status.
      if (frame.id !== undefined) outbox.settle(frame);
      else if (!frame.retry) toast(frame.message);
      break;
    default:
  }
};

const connect = () => {
  let wasOnline = false;
  socket = createSocket({
    token: accessToken,
    onFrame,
    onTooLarge: outbox.refuseLargest,
    onStatus: (next) => {
      status.value = next;
      if (next === 'online') {
        outbox.resend();
        void resume();
      } else if (wasOnline) {
        outbox.pause();
      }
      wasOnline = next === 'online';
    },
  });
  void socket.connect();
};

const disconnect = () => {
  socket?.close();
  socket = undefined;
  outbox.clear();
  clearStore();
};

/** Connected for as long as somebody is signed in; a fresh token goes over the same socket. */
export const stayConnected = (): void => {
  let person: string | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const refresh = () => {
    accessToken().catch((error: unknown) => {
      if (session.peek()) timer = setTimeout(refresh, 15_000);
      else toast(error);
    });
  };
  effect(() => {
    const current = session.value;
    if (current?.user.userId !== person) {
      if (person !== undefined) disconnect();
      person = current?.user.userId;
      if (current) connect();
    } else if (current) {
      socket?.renew(current.accessToken);
    }
    clearTimeout(timer);
    // Tabs without navigator.locks (plain HTTP) must not refresh at the same moment: the second one would look like a thief.
    const early = 15_000 + Math.random() * 40_000;
    if (current) timer = setTimeout(refresh, Math.max(5_000, current.freshUntil - Date.now() - early));
  });
};
