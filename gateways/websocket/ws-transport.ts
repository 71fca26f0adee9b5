import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import type { Format } from './format.ts';
import type { Frame } from './frame.ts';
import { type Flusher, Outbox } from './outbox.ts';
import { type Transport, type TransportHandlers, unattended } from './transport.ts';

/** The whole of a ping without a payload. */
const ping = Buffer.from([0x89, 0]);

/** A WebSocket. Frames go past the library to the socket below, as the same bytes that others get. */
export class WsTransport implements Transport {
  readonly address: string;
  handlers: TransportHandlers = unattended;
  readonly #webSocket: WebSocket;
  readonly #outbox: Outbox;
  readonly #format: Format;

  constructor(
    webSocket: WebSocket,
    socket: Duplex,
    { address, format, flusher }: { address: string; format: Format; flusher: Flusher },
  ) {
    this.address = address;
    this.#webSocket = webSocket;
    this.#format = format;
    this.#outbox = new Outbox(socket, flusher);
    webSocket.on('message', (data, binary) => this.#receive(data, binary));
    webSocket.on('pong', () => this.handlers.alive());
    webSocket.on('error', () => webSocket.terminate());
    webSocket.on('close', () => this.handlers.closed());
  }

  get open(): boolean {
    return this.#webSocket.readyState === this.#webSocket.OPEN;
  }

  get unread(): number {
    return this.#outbox.unread;
  }

  send(frame: Frame): void {
    if (this.open) this.#outbox.put(this.#format.encode(frame));
  }

  /** Whoever does not answer in time is ended by the library (`closeTimeout`). */
  close(code: number, reason: string): void {
    this.#outbox.flush();
    this.#webSocket.close(code, reason);
  }

  terminate(): void {
    this.#webSocket.terminate();
  }

  beat(): void {
    if (this.open) this.#outbox.put(ping);
  }

  #receive(data: RawData, binary: boolean): void {
    // Whoever was told that it is over may go on talking until the close is answered.
    if (!this.open) return;
    const readable = binary === this.#format.binary && Buffer.isBuffer(data);
    this.handlers.alive();
    this.handlers.receive(readable ? this.#format.decode(data) : undefined);
  }
}
