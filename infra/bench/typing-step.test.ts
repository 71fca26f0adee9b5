import { describe, expect, it } from 'vitest';
import { audienceOf } from './audience.ts';
import type { Step } from './step.ts';
import { createTypingStep } from './typing-step.ts';

const PEOPLE = 40;
const names = Array.from({ length: PEOPLE }, (_, person) => `name${person}`);
const everybody = names.keys();
const witnesses = [...everybody].filter((person) => audienceOf('group', PEOPLE).readerOf(person, 0) !== -1);

/** A step whose server tells these people of whoever begins to write. */
const stepAgainst = async (tell: (person: number, told: (to: number, on: string[]) => void) => void) => {
  const step: Step = createTypingStep({
    rate: 200,
    seconds: 0.1,
    number: 3,
    audience: audienceOf('group', PEOPLE),
    lingerMs: 100,
    names,
    inexact: () => 0,
    send: (person) =>
      setImmediate(() =>
        tell(person, (to, on) => {
          const bytes = Buffer.from(JSON.stringify({ type: 'typing', conversationId: '01', on, off: [] }));
          step.read(to, 'typing', bytes, 0, bytes.length);
        }),
      ),
  });
  return step.result;
};

describe('a step of typing', () => {
  it('finds nothing wrong when everybody is told of everybody', async () => {
    const result = await stepAgainst((person, told) => {
      for (const to of names.keys()) told(to, [names[person] ?? '']);
    });
    expect(result).toMatchObject({ sent: 20, missing: 0, repeated: 0 });
    expect(result.p99).toBeGreaterThan(0);
  });

  it('reads frames that tell of several people, and of nobody', async () => {
    const waiting: string[] = [];
    const result = await stepAgainst((person, told) => {
      waiting.push(names[person] ?? '');
      for (const to of witnesses) told(to, waiting.length === 4 ? waiting : []);
      if (waiting.length === 4) waiting.length = 0;
    });
    expect(result).toMatchObject({ sent: 20, missing: 0, repeated: 0 });
  });

  it('counts those who were not told, and who were told twice', async () => {
    const result = await stepAgainst((person, told) => {
      for (const to of witnesses.slice(1)) told(to, [names[person] ?? '']);
      told(witnesses.at(-1) ?? 0, [names[person] ?? '']);
    });
    expect(result).toMatchObject({ sent: 20, missing: 20, repeated: 20 });
  });
});
