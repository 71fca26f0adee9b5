import type { z } from 'zod';
import { ConversationEvent, type ConversationEventType } from './conversation-event.ts';
import { type ConversationId, conversationOf, receiptsOf } from './id.ts';
import { type ReceiptsEvent, ReceiptsMoved } from './receipts.ts';

/** Turns the data of one schema version into the next one's. Pure; what was stored stays as it is. */
export type Upcaster = (data: Record<string, unknown>) => Record<string, unknown>;

/** Per event type, in order: the first leads from version 1 to 2, and so on. A type's newest version is one more than it has. */
export type Upcasters = Readonly<Record<string, readonly Upcaster[]>>;

/** Bytes that are no event of ours: damaged, of a newer version, or of an unknown type. */
export class Undecodable extends Error {
  readonly code = 'undecodable_event';
}

export type Codec<E extends { type: string }> = {
  /** The bytes that are stored, and that hashes are taken over. */
  encode(event: E): { type: string; data: Uint8Array };
  /** The event at its newest version, checked. Throws `Undecodable`. */
  decode(type: string, data: Uint8Array): E;
};

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** Nobody else knows how events become bytes. */
export const createCodec = <E extends { type: string }>(
  schema: z.ZodType<E>,
  upcasters: Upcasters,
): Codec<E> => {
  // What this process wrote itself comes back as the same buffer: no need to parse it again.
  const written = new WeakMap<Uint8Array, E>();
  const newest = (type: string) => 1 + (upcasters[type]?.length ?? 0);
  const parse = (type: string, data: Uint8Array): E => {
    const { v, ...stored } = JSON.parse(decoder.decode(data)) as Record<string, unknown>;
    if (typeof v !== 'number' || v < 1 || v > newest(type)) {
      throw new Undecodable(`${type} has version ${String(v)}; this program knows 1 to ${newest(type)}`);
    }
    const current = (upcasters[type] ?? []).slice(v - 1).reduce((event, upcast) => upcast(event), stored);
    return schema.parse({ ...current, type });
  };
  return {
    encode(event) {
      const { type, ...rest } = event;
      const data = encoder.encode(JSON.stringify({ v: newest(type), ...rest }));
      written.set(data, event);
      return { type, data };
    },
    decode(type, data) {
      const own = written.get(data);
      if (own) return own;
      try {
        return parse(type, data);
      } catch (error) {
        if (error instanceof Undecodable) throw error;
        throw new Undecodable(
          `${type} can't be read: ${error instanceof Error ? error.message : String(error)}`,
          { cause: error },
        );
      }
    },
  };
};

const upcasters: Partial<Record<ConversationEventType, readonly Upcaster[]>> = {};

export const conversationCodec: Codec<ConversationEvent> = createCodec(ConversationEvent, upcasters);

/** What is known about how an event came to be, beside the event: for tracing and audit. */
export type Meta = { readonly correlationId?: string; readonly deviceId?: string };

/** One object that goes with many events, as that of a connection does, is encoded once. */
export const encodeMeta = (meta: Meta): Uint8Array => {
  const known = encodedMeta.get(meta);
  if (known) return known;
  const bytes = encoder.encode(JSON.stringify(meta));
  encodedMeta.set(meta, bytes);
  return bytes;
};
const encodedMeta = new WeakMap<Meta, Uint8Array>();

export const decodeMeta = (meta: Uint8Array): Meta =>
  meta.length === 0 ? {} : (JSON.parse(decoder.decode(meta)) as Meta);

export const receiptsCodec: Codec<ReceiptsEvent> = createCodec(ReceiptsMoved, {});

/** A kind of streams: of which conversation each one is, and how its events are read. */
export type Streams<E extends { type: string }> = {
  readonly of: (stream: string) => ConversationId | undefined;
  readonly codec: Codec<E>;
};

export const conversationStreams: Streams<ConversationEvent> = {
  of: conversationOf,
  codec: conversationCodec,
};
export const receiptsStreams: Streams<ReceiptsEvent> = { of: receiptsOf, codec: receiptsCodec };
