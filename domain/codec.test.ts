import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Undecodable, conversationCodec, createCodec, decodeMeta, encodeMeta } from './codec.ts';
import type { ConversationEvent } from './conversation-event.ts';

const by = '01HZ0000000000000000000001';
const sent: ConversationEvent = {
  type: 'MessageSent',
  by,
  at: 1,
  clientId: 'k',
  content: { kind: 'text', text: 'héllo\u0000' },
  mentions: [],
};

/** The same bytes in another buffer, as they come back from a store. */
const stored = (data: Uint8Array) => Uint8Array.from(data);
const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

describe('the codec', () => {
  it('gives back what it was given', () => {
    const { type, data } = conversationCodec.encode(sent);
    expect(type).toBe('MessageSent');
    expect(conversationCodec.decode(type, stored(data))).toEqual(sent);
    expect(conversationCodec.decode(type, data)).toEqual(sent);
  });

  it('writes the same bytes for the same event', () => {
    expect(conversationCodec.encode({ ...sent }).data).toEqual(conversationCodec.encode(sent).data);
  });

  it.each([
    ['a type that nobody knows', 'MessageSang', bytes({ v: 1, by, at: 1 })],
    ['a version of the future', 'TopicChanged', bytes({ v: 2, by, at: 1, topic: 'x' })],
    ['no version', 'TopicChanged', bytes({ by, at: 1, topic: 'x' })],
    ['a field of the wrong kind', 'TopicChanged', bytes({ v: 1, by, at: 'now', topic: 'x' })],
    ['no JSON', 'TopicChanged', new TextEncoder().encode('{')],
    ['no UTF-8', 'TopicChanged', Uint8Array.of(0xff, 0xfe)],
    ['no object', 'TopicChanged', bytes(null)],
  ])('refuses %s', (_, type, data) => {
    expect(() => conversationCodec.decode(type, data)).toThrow(Undecodable);
  });

  it('reads an event of each earlier version through the chain of upcasters, and writes the newest', () => {
    // Version 1 had a bare text, 2 named it, 3 tagged it as content.
    const Event = z.object({
      type: z.literal('MessageSent'),
      content: z.object({ kind: z.literal('text'), text: z.string() }),
    });
    const codec = createCodec(Event, {
      MessageSent: [
        ({ t, ...rest }) => ({ ...rest, text: t }),
        ({ text, ...rest }) => ({ ...rest, content: { kind: 'text', text } }),
      ],
    });
    const hello = { type: 'MessageSent', content: { kind: 'text', text: 'hello' } };
    expect(codec.decode('MessageSent', bytes({ v: 1, t: 'hello' }))).toEqual(hello);
    expect(codec.decode('MessageSent', bytes({ v: 2, text: 'hello' }))).toEqual(hello);
    expect(codec.decode('MessageSent', bytes({ v: 3, content: hello.content }))).toEqual(hello);
    expect(() => codec.decode('MessageSent', bytes({ v: 4 }))).toThrow(Undecodable);
    expect(new TextDecoder().decode(codec.encode(Event.parse(hello)).data)).toContain('"v":3');
  });

  it('keeps what is known beside an event', () => {
    expect(decodeMeta(encodeMeta({ correlationId: 'r1', deviceId: 'd1' }))).toEqual({
      correlationId: 'r1',
      deviceId: 'd1',
    });
    expect(decodeMeta(new Uint8Array())).toEqual({});
  });
});
