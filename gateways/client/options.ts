import type { Command, Draft, ErrorBody, Presence, SequencedEvent, ServerFrame } from '../protocol.ts';
import type { Clock } from './clock.ts';
import type { KeyValue } from './key-value.ts';
import type { Times } from './times.ts';
import type { Transport } from './transport.ts';
import type { ConversationId, Seq, UserId } from './types.ts';

/** Who speaks. `createSession` makes it of a session; a script may give a token that it has. */
export type Access = {
  /** An access token that is good for a while; `instead` of one that was refused. Throws an error, with `retry: false` when there is no session any more. */
  token(instead?: string): Promise<string>;
  /** Ms until the token has to be replaced; without it that is not done before the server asks. */
  freshFor?(): number;
  /** The server wants no token of this session any more. */
  ended?(reason: string): void;
};

export type ClientOptions = {
  /** Where the server is: `https://chat.example.org`. */
  readonly url: string;
  readonly userId: UserId;
  readonly access: Access;
  readonly listeners?: Partial<Listeners>;
  /** Keeps messages that were not sent, marks, and how far this device has come. Default: in memory. */
  readonly kv?: KeyValue;
  /** False: each start begins with the views, and how far one had come is not kept. Default: true. */
  readonly resumes?: boolean;
  /** Default: WebSocket, and polling where that does not get through. */
  readonly transports?: readonly [Transport, ...Transport[]];
  /** Of Node 20, which has none: the class of the package `ws`. */
  readonly WebSocket?: SocketClass;
  readonly fetch?: typeof globalThis.fetch;
  /** Frames go as MessagePack instead of JSON. */
  readonly msgpack?: Encoding;
  readonly clock?: Clock;
  /** At least 0, less than 1. */
  readonly random?: () => number;
  readonly times?: Partial<Times>;
};

export type Encoding = { encode(value: unknown): Uint8Array; decode(bytes: Uint8Array): unknown };

/** As much of a WebSocket as is used. */
export type SocketLike = {
  binaryType: string;
  readonly readyState: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(): void;
};
export type SocketClass = new (url: string, protocols?: string[]) => SocketLike;

export type Status =
  | { readonly state: 'connecting' }
  | { readonly state: 'online'; readonly over: Transport['name'] }
  /** Tries again at `nextAt`; `reason` in words. */
  | { readonly state: 'offline'; readonly nextAt: number; readonly reason: string }
  /** `close` was called, or there is no session any more. */
  | { readonly state: 'closed'; readonly reason: string };

export type Failure = { readonly code: string; readonly message: string };

/** A message on its way. It is kept until it is sent, or failed and dropped. */
export type Outgoing = {
  readonly id: string;
  readonly command: Extract<Command, { type: 'SendMessage' }>;
  /** When it was written. */
  readonly at: number;
  readonly state: 'pending' | 'sent' | 'failed' | 'dropped';
  /** Of `sent`. */
  readonly seq?: Seq;
  /** Of `failed`. */
  readonly failure?: Failure;
};

/** What one may listen to. None of them may throw; a promise that is rejected counts as thrown. */
export type Listeners = {
  onStatus(status: Status): void;
  /**
   * Every event of a conversation once, in order, without a gap since the first one. How far the device has come is kept
   * only after the promise, if there is one.
   */
  onEvents(conversationId: ConversationId, events: readonly SequencedEvent[]): void | Promise<void>;
  /**
   * More was missed than comes by itself: `page` reads it and hands it on as events; `skip` goes on after `lastSeq`, and the
   * listener reads the views anew. Without this listener it is `page`.
   */
  onBehind(conversationId: ConversationId, after: number, lastSeq: Seq): 'page' | 'skip';
  /** The views are to be read: nothing before this moment comes as events. `cause`: why it could not be resumed. */
  onReset(cause: Failure | undefined): void | Promise<void>;
  /** What was missed has come, but for what is being paged through. */
  onSynced(): void;
  /** What was missed of this conversation can’t be read: it is not among one’s own any more. */
  onLost(conversationId: ConversationId): void;
  onOutgoing(message: Outgoing): void;
  onReceipts(frame: Extract<ServerFrame, { type: 'receipts' }>): void;
  /** One’s own mark, of whichever device. */
  onMarked(mark: Extract<ServerFrame, { type: 'marked' }>): void;
  /** Who writes now. */
  onTyping(conversationId: ConversationId, userIds: readonly UserId[]): void;
  onPresence(people: readonly Presence[]): void;
  onDraft(draft: Draft): void;
  /** What was refused and is nobody’s answer; and what a listener threw (`listener`). */
  onError(error: Pick<ErrorBody, 'code' | 'message' | 'retry'>): void;
};
