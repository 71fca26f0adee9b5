import { describe, expect, it } from 'vitest';
import { type AudienceName, audienceOf } from './audience.ts';
import { type Step, createStep } from './step.ts';

type Message = { readonly sender: number; readonly id: string; readonly text: string };
/** What reaches whom, for each message that a server gets. */
type Behaviour = (message: Message, seq: number, give: Give) => void;
type Give = {
  ack(message: Message, seq: number): void;
  event(message: Message, seq: number, to?: number): void;
};

/** A step against a server of a few lines that does as `behaviour` says; it knows ids, like Parlance. */
const stepAgainst = async (behaviour: Behaviour, audience: AudienceName = 'pairs', inexact = () => 0) => {
  const group = audience === 'group';
  const last = new Map<number, number>();
  const known = new Map<string, number>();
  const frame = (text: string) => Buffer.from(text);
  const give: Give = {
    ack: ({ id, sender }, seq) => {
      const bytes = frame(`{"type":"ack","id":"${id}","conversationId":"01","seq":${seq}}`);
      step.read(sender, 'ack', bytes, 0, bytes.length);
    },
    event: ({ sender, text }, seq, to = sender ^ 1) => {
      const bytes = frame(`{"type":"events","events":[{"seq":${seq},"event":{"text":"${text}"}}]}`);
      step.read(to, 'events', bytes, 0, bytes.length);
    },
  };
  const step: Step = createStep({
    rate: 2000,
    seconds: 0.2,
    warmup: 0,
    number: 7,
    audience: audienceOf(audience, group ? 40 : 4),
    repeats: true,
    inexact,
    lingerMs: 100,
    send: (sender, id, text) => {
      const message = { sender, id, text };
      const before = known.get(id);
      if (before !== undefined) return setImmediate(() => give.ack(message, before));
      const conversation = group ? 0 : sender >> 1;
      const seq = (last.get(conversation) ?? -1) + 1;
      last.set(conversation, seq);
      known.set(id, seq);
      return setImmediate(() => behaviour(message, seq, give));
    },
  });
  return step.result;
};

const right: Behaviour = (message, seq, give) => {
  give.ack(message, seq);
  give.event(message, seq);
};

const numberOf = ({ id }: Message) => Number(id.split('-')[1]);

describe('a step', () => {
  it('finds nothing wrong with a server that does everything right', async () => {
    const result = await stepAgainst(right);
    expect(result).toMatchObject({ sent: 400, missing: 0, unacknowledged: 0, repeated: 0, reordered: 0 });
    expect(result).not.toHaveProperty('error');
    expect(result.p50).toBeGreaterThan(0);
    expect(result.p50).toBeLessThanOrEqual(result.p99);
  });

  it('counts messages that never arrive', async () => {
    const result = await stepAgainst((message, seq, give) => {
      give.ack(message, seq);
      if (numberOf(message) % 50 !== 13) give.event(message, seq);
    });
    expect(result).toMatchObject({ missing: 8, repeated: 0, reordered: 0 });
  });

  it('counts messages that arrive twice', async () => {
    const result = await stepAgainst((message, seq, give) => {
      right(message, seq, give);
      if (numberOf(message) === 30) give.event(message, seq);
    });
    expect(result).toMatchObject({ missing: 0, repeated: 1 });
  });

  it('counts messages that overtake', async () => {
    const held: (() => void)[] = [];
    const result = await stepAgainst((message, seq, give) => {
      give.ack(message, seq);
      if (numberOf(message) === 40) held.push(() => give.event(message, seq));
      else give.event(message, seq);
      if (numberOf(message) === 80) for (const late of held) late();
    });
    expect(result.missing).toBe(0);
    expect(result.reordered).toBeGreaterThan(0);
  });

  it('counts repeats that are not acknowledged a second time', async () => {
    const result = await stepAgainst((message, seq, give) => {
      if (numberOf(message) !== 100) give.ack(message, seq);
      give.event(message, seq);
    });
    expect(result).toMatchObject({ missing: 0, unacknowledged: 1 });
  });

  it('says so when a repeat is acknowledged as another message', async () => {
    const result = await stepAgainst((message, seq, give) => {
      give.ack(message, numberOf(message) === 0 ? seq + 5 : seq);
      give.event(message, seq);
    });
    expect(result.error).toContain('message 0 was acknowledged');
  });
});

describe('a step in a group', () => {
  const toAll: Behaviour = (message, seq, give) => {
    give.ack(message, seq);
    for (let person = 0; person < 40; person += 1) give.event(message, seq, person);
  };

  it('finds nothing wrong when everybody gets everything, the sender too', async () => {
    const result = await stepAgainst(toAll, 'group');
    expect(result).toMatchObject({ sent: 400, missing: 0, repeated: 0, reordered: 0, inexact: 0 });
  });

  it('counts what one witness does not get', async () => {
    const result = await stepAgainst((message, seq, give) => {
      give.ack(message, seq);
      for (let person = 0; person < 40; person += 1)
        if (person !== 39 || numberOf(message) % 100 !== 7) give.event(message, seq, person);
    }, 'group');
    expect(result).toMatchObject({ missing: 4, repeated: 0 });
  });

  it('counts what one witness gets twice', async () => {
    const result = await stepAgainst((message, seq, give) => {
      toAll(message, seq, give);
      if (numberOf(message) === 30) give.event(message, seq, 1);
    }, 'group');
    expect(result).toMatchObject({ missing: 0, repeated: 1 });
  });

  it('says how many others did not get the same bytes', async () => {
    expect(await stepAgainst(toAll, 'group', () => 3)).toMatchObject({ missing: 0, inexact: 3 });
  });
});
