import type { Acknowledgement, ClientFrame, Command, ServerFrame } from '../protocol.ts';

/** The command was refused, or not answered in time: then the code is `no_answer`, and it may have been done. */
export class CommandFailed extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

type Waiting = {
  readonly frame: Extract<ClientFrame, { type: 'command' }>;
  /** Of UTF-8. */
  readonly bytes: number;
  readonly resolve: (ack: Acknowledgement) => void;
  readonly reject: (error: CommandFailed) => void;
  timer: ReturnType<typeof setTimeout> | undefined;
  retries: number;
};

const ANSWER_WITHIN = 20_000;
const AGAIN_AFTER = 1_000;
const RETRIES = 3;
/** Fewer than a server takes at once: all of them may be sent again together. */
const MOST = 200;
/** `MAX_FRAME_BYTES` of the protocol, whose schemas are not for the browser. */
export const MOST_BYTES = 128 * 1024;

const tooLarge = () => new CommandFailed('message_too_large', 'This is too long to be sent.');

/**
 * Commands on their way. Each is answered once; what was not answered when the connection broke is sent again with the
 * same id, which the server does once. The time for an answer runs only while there is a connection.
 */
export const createOutbox = (send: (frame: ClientFrame) => boolean) => {
  const waiting = new Map<string, Waiting>();

  const take = (id: string): Waiting | undefined => {
    const entry = waiting.get(id);
    clearTimeout(entry?.timer);
    waiting.delete(id);
    return entry;
  };

  const dispatch = (entry: Waiting) => {
    clearTimeout(entry.timer);
    entry.timer = undefined;
    if (!send(entry.frame)) return;
    entry.timer = setTimeout(() => {
      take(entry.frame.id)?.reject(new CommandFailed('no_answer', 'The server did not answer.'));
    }, ANSWER_WITHIN);
  };

  return {
    submit: (id: string, command: Command): Promise<Acknowledgement> =>
      new Promise((resolve, reject) => {
        if (waiting.size >= MOST) {
          reject(new CommandFailed('outbox_full', 'Too much is waiting to be sent.'));
          return;
        }
        const frame = { type: 'command', id, command } as const;
        const { length: bytes } = new TextEncoder().encode(JSON.stringify(frame));
        if (bytes > MOST_BYTES) {
          reject(tooLarge());
          return;
        }
        const entry: Waiting = { frame, bytes, resolve, reject, timer: undefined, retries: RETRIES };
        waiting.set(id, entry);
        dispatch(entry);
      }),
    settle: (frame: Extract<ServerFrame, { type: 'ack' | 'error' }>): void => {
      if (frame.id === undefined) return;
      const entry = waiting.get(frame.id);
      if (frame.type === 'error' && frame.retry && entry && entry.retries > 0) {
        entry.retries -= 1;
        clearTimeout(entry.timer);
        entry.timer = setTimeout(() => dispatch(entry), AGAIN_AFTER);
        return;
      }
      take(frame.id);
      if (frame.type === 'error') entry?.reject(new CommandFailed(frame.code, frame.message));
      else entry?.resolve({ conversationId: frame.conversationId, seq: frame.seq });
    },
    /** The connection broke: nobody is waited for until it is back. */
    pause: (): void => {
      for (const entry of waiting.values()) clearTimeout(entry.timer);
    },
    resend: (): void => {
      for (const entry of waiting.values()) dispatch(entry);
    },
    /**
     * The server, or something before it, closed because a frame was too large, and did not say which: if any is, then
     * the largest of those that were not answered.
     */
    refuseLargest: (): void => {
      let largest: Waiting | undefined;
      for (const entry of waiting.values()) if (entry.bytes > (largest?.bytes ?? 0)) largest = entry;
      if (largest) take(largest.frame.id)?.reject(tooLarge());
    },
    clear: (): void => {
      for (const id of waiting.keys()) take(id)?.reject(new CommandFailed('signed_out', 'You signed out.'));
    },
  };
};
