import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { refuse } from '../commands/account-rejection.ts';
import { DirectoryUnavailable } from '../domain/ports/directory.ts';
import { StoreUnavailable } from '../domain/ports/event-store.ts';
import { TablesUnavailable } from '../domain/ports/tables.ts';
import { reject } from '../domain/rejection.ts';
import { ErrorBody } from './protocol.ts';
import {
  Refusal,
  accepted,
  answers,
  errorBodyOf,
  errorsTable,
  invalidRequest,
  rateLimited,
  statusOf,
} from './rejections.ts';

describe('what a client is told of an error', () => {
  it('is the reason of a refusal, in its words', () => {
    expect(errorBodyOf(reject('member_banned', 'ann is banned'))).toEqual({
      code: 'member_banned',
      message: 'ann is banned',
      retry: false,
    });
    expect(errorBodyOf(refuse('too_many_attempts', 'wait', 1500))).toEqual({
      code: 'too_many_attempts',
      message: 'wait',
      retry: true,
      retryAfterMs: 1500,
    });
  });

  it('is which limit was reached, and when to go on', () => {
    expect(errorBodyOf(rateLimited({ limit: 'device', retryAfterMs: 40 }))).toEqual({
      code: 'rate_limited',
      message: answers.rate_limited.means,
      retry: true,
      limit: 'device',
      retryAfterMs: 40,
    });
  });

  it('is nothing of what is inside', () => {
    const secret = 'SQLITE_CANTOPEN /srv/private/events.db';
    const inside = [
      new Error(secret),
      new TypeError(secret),
      Object.assign(new Error(secret), { code: 'ENOENT' }),
      secret,
      undefined,
      null,
      7,
      {},
    ];
    for (const error of inside) {
      expect(errorBodyOf(error)).toEqual({ code: 'internal', message: answers.internal.means, retry: true });
    }
    for (const error of [
      new StoreUnavailable(secret),
      new TablesUnavailable(secret),
      new DirectoryUnavailable(secret),
    ]) {
      expect(errorBodyOf(error)).toEqual({
        code: 'store_unavailable',
        message: answers.store_unavailable.means,
        retry: true,
      });
    }
    expect(errorBodyOf(Object.assign(new Error(secret), { code: 'toString' })).code).toBe('internal');
  });

  it('says where a request is malformed, at most twenty times', () => {
    const parsed = z.array(z.object({ n: z.number() })).safeParse(Array(50).fill({ n: 'x' }));
    const body = invalidRequest(parsed.error ?? new z.ZodError([]));
    expect(ErrorBody.parse(body).details).toHaveLength(20);
    expect(body.details?.[1]?.path).toBe('1.n');
  });

  it('has a status for every code', () => {
    for (const [code, { status }] of Object.entries(answers)) expect(statusOf(code)).toBe(status);
    expect(statusOf('nonsense')).toBe(500);
  });
});

it('an accepted answer passes, a refused one is thrown with its code', () => {
  expect(accepted({ seq: 1 })).toEqual({ seq: 1 });
  expect(() => accepted<object>(reject('not_allowed', 'no'))).toThrow(Refusal);
});

it('the protocol’s page has exactly this table of errors', async () => {
  const page = await readFile(new URL('../infra/docs/protocol.md', import.meta.url), 'utf8');
  expect(page).toContain(`\n${errorsTable()}\n`);
  expect(page.match(/^\| code /gm)).toHaveLength(1);
});
