import { describe, expect, it } from 'vitest';
import { Content, Emoji, Text } from './conversation-event.ts';
import { limits } from './limits.ts';

const ok = (schema: { safeParse(value: unknown): { success: boolean } }, value: unknown) =>
  schema.safeParse(value).success;

describe('an emoji', () => {
  it.each(['👍', '❤️', '👍🏽', '👩‍👩‍👧', '🏳️‍🌈', '🇬🇧', '1️⃣', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', '✅'])('is %s', (emoji) =>
    expect(ok(Emoji, emoji)).toBe(true),
  );
  it.each(['', 'a', '👍👍', ':+1:', '1', '👍 ', '<b>', '🇬', '👍\u200d'])('is not %j', (emoji) =>
    expect(ok(Emoji, emoji)).toBe(false),
  );
});

describe('a text', () => {
  it('has at most 64 KiB of UTF-8', () => {
    expect(ok(Text, 'x'.repeat(limits.textBytes))).toBe(true);
    expect(ok(Text, 'x'.repeat(limits.textBytes + 1))).toBe(false);
    expect(ok(Text, '€'.repeat(Math.floor(limits.textBytes / 3)))).toBe(true);
    expect(ok(Text, '€'.repeat(Math.ceil(limits.textBytes / 3)))).toBe(false);
  });
  it('may be blank, as imported history is, and is well-formed Unicode', () => {
    expect(ok(Text, ' \n\t ')).toBe(true);
    expect(ok(Text, 'a\ud800b')).toBe(false);
    expect(ok(Text, '\udc00')).toBe(false);
    expect(ok(Text, '😀 \u0000 \u202e')).toBe(true);
  });
});

describe('content', () => {
  it('has a kind that is known', () => {
    expect(ok(Content, { kind: 'action', text: 'waves' })).toBe(true);
    expect(ok(Content, { kind: 'video', text: 'x' })).toBe(false);
    expect(ok(Content, 'x')).toBe(false);
  });
});
