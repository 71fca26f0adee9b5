import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Packr, unpack } from 'msgpackr';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import { MAX_FRAME_BYTES } from '../protocol.ts';
import { createBacklog } from './backlog.ts';
import { Frame } from './frame.ts';
import { createSocketServer } from './server.ts';
import type { Transport } from './transport.ts';

/** Says good-bye with what it was told. */
const echo = {
  refuses: () => undefined,
  open(transport: Transport) {
    transport.handlers = {
      ...transport.handlers,
      receive: (value) =>
        transport.send(
          new Frame({ type: 'bye', reason: JSON.stringify(value) ?? 'undefined', comeBackInMs: 0 }),
        ),
    };
    return () => undefined;
  },
};
const start = async (compressFrom: number | undefined) => {
  const http = createServer();
  createSocketServer(http, echo, createBacklog(1_000_000), {
    publicHost: undefined,
    trustedProxies: 0,
    compressFrom,
  });
  await once(http.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}/ws`,
    close: () => http.close().closeAllConnections(),
  };
};

let plain: Awaited<ReturnType<typeof start>>;
let compressing: Awaited<ReturnType<typeof start>>;
beforeAll(async () => {
  [plain, compressing] = [await start(undefined), await start(1024)];
});
afterAll(() => {
  plain.close();
  compressing.close();
});

const open = async (url: string, protocols: string[] = [], options: ClientOptions = {}) => {
  const socket = new WebSocket(url, protocols, options);
  let bytes = 0;
  socket.on('upgrade', (response) =>
    response.socket.on('data', (data: Buffer) => {
      bytes += data.length;
    }),
  );
  await once(socket, 'open');
  const ask = async (data: string | Buffer) => {
    const before = bytes;
    socket.send(data);
    const [answer, binary] = (await once(socket, 'message')) as [Buffer, boolean];
    return { answer, binary, bytes: bytes - before };
  };
  return { socket, ask };
};
const told = (answer: Buffer) => JSON.parse(String(answer)) as unknown;
const packr = new Packr({ useRecords: false });

describe('subprotocols', () => {
  it.each([
    [[], ''],
    [['parlance.v1.json'], 'parlance.v1.json'],
    [['other', 'parlance.v1.json', 'parlance.v1.msgpack'], 'parlance.v1.json'],
    [['parlance.v1.msgpack', 'parlance.v1.json'], 'parlance.v1.msgpack'],
  ])('of %j, %j is spoken', async (asked, spoken) => {
    const { socket } = await open(plain.url, asked);
    expect(socket.protocol).toBe(spoken);
    socket.terminate();
  });

  it('that are not spoken here are refused, with those that are', async () => {
    const socket = new WebSocket(plain.url, ['parlance.v9.json']);
    const [, response] = (await once(socket, 'unexpected-response')) as [
      unknown,
      AsyncIterable<Buffer> & { statusCode: number },
    ];
    expect(response.statusCode).toBe(400);
    let body = '';
    for await (const chunk of response) body += chunk.toString();
    expect(JSON.parse(body)).toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('parlance.v1.json and parlance.v1.msgpack'),
    });
  });

  it('of JSON takes text, and nothing binary or broken', async () => {
    const { socket, ask } = await open(plain.url);
    const { answer, binary } = await ask('{"a":1}');
    expect([told(answer), binary]).toEqual([{ type: 'bye', reason: '{"a":1}', comeBackInMs: 0 }, false]);
    for (const wrong of [Buffer.from('{"a":1}'), '{', ''])
      expect(told((await ask(wrong)).answer)).toMatchObject({ reason: 'undefined' });
    socket.terminate();
  });

  it('of MessagePack takes binary, and no text or other things than JSON has', async () => {
    const { socket, ask } = await open(plain.url, ['parlance.v1.msgpack']);
    const { answer, binary } = await ask(packr.pack({ a: [1, 'ü', null] }));
    expect([unpack(answer), binary]).toEqual([
      { type: 'bye', reason: '{"a":[1,"ü",null]}', comeBackInMs: 0 },
      true,
    ]);
    for (const wrong of ['{"a":1}', packr.pack(new Date()), Buffer.from([0x81])])
      expect(unpack((await ask(wrong)).answer)).toMatchObject({ reason: 'undefined' });
    socket.terminate();
  });
});

describe('compression', () => {
  const long = JSON.stringify({ text: 'tea and cake '.repeat(1_000) });

  it('is for whoever asks, from the threshold on, and loses nothing', async () => {
    const { socket, ask } = await open(compressing.url, ['parlance.v1.json']);
    expect(socket.extensions).toBe('permessage-deflate');
    for (let n = 0; n < 5; n += 1) {
      const large = await ask(long);
      expect(told(large.answer)).toMatchObject({ reason: long });
      expect(large.bytes).toBeLessThan(500);
      const small = await ask('{"a":1}');
      expect(told(small.answer)).toMatchObject({ reason: '{"a":1}' });
    }
    socket.terminate();
  });

  it.each<[string, () => string, string[], ClientOptions]>([
    ['a server that does not compress', () => plain.url, [], {}],
    ['a client that does not', () => compressing.url, [], { perMessageDeflate: false }],
    [
      'a client with less room than others',
      () => compressing.url,
      [],
      { perMessageDeflate: { serverMaxWindowBits: 9 } },
    ],
    ['MessagePack', () => compressing.url, ['parlance.v1.msgpack'], {}],
  ])('is not for %s', async (_, url, protocols, options) => {
    const { socket, ask } = await open(url(), protocols, options);
    const packed = protocols.length > 0;
    expect(socket.extensions).toBe('');
    const { bytes } = await ask(packed ? packr.pack(JSON.parse(long)) : long);
    expect(bytes).toBeGreaterThan(long.length);
    socket.terminate();
  });

  it('does not smuggle in more than a frame may have', async () => {
    const { socket } = await open(compressing.url, [], { perMessageDeflate: { threshold: 0 } });
    socket.on('error', () => undefined);
    socket.send('x'.repeat(100 * MAX_FRAME_BYTES));
    expect((await once(socket, 'close'))[0]).toBe(1009);
  });
});
