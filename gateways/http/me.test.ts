import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Http, startHttp } from '../../infra/testing/http.ts';
import { Preferences, type Session, User } from '../protocol.ts';

let http: Http;
let ann: Session;
let bob: Session;

beforeAll(async () => {
  http = await startHttp();
  ann = await http.signUp('ann');
  bob = await http.signUp('bob');
});
afterAll(() => http.close());

const preferences = async ({ accessToken: token }: Session) => {
  const { status, body } = await http.ask('GET', '/v1/me/preferences', { token });
  expect(status).toBe(200);
  return z.strictObject(Preferences.shape).parse(body);
};
const change = ({ accessToken: token }: Session, body: unknown) =>
  http.ask('PUT', '/v1/me/preferences', { token, body });

describe('yourself over HTTP', () => {
  it('is who the token says', async () => {
    const { body } = await http.ask('GET', '/v1/me', { token: bob.accessToken });
    expect(z.strictObject(User.shape).parse(body)).toEqual(bob.user);
  });

  it('prefers to share, until told otherwise, field by field', async () => {
    expect(await preferences(ann)).toEqual({ shareReadReceipts: true, sharePresence: true });
    const told: unknown[] = [];
    const stop = http.core.preferences.onChange((userId, now) => told.push([userId, now]));
    const first = await change(ann, { shareReadReceipts: false });
    expect([first.status, first.body]).toEqual([200, { shareReadReceipts: false, sharePresence: true }]);
    const second = await change(ann, { sharePresence: false });
    expect(second.body).toEqual({ shareReadReceipts: false, sharePresence: false });
    expect((await change(ann, {})).body).toEqual(second.body);
    stop();
    expect(told[0]).toEqual([ann.user.userId, first.body]);
    expect(await preferences(ann)).toEqual(second.body);
    expect(await http.core.directory.people.preferences(ann.user.userId)).toEqual(second.body);
    expect(await preferences(bob)).toEqual({ shareReadReceipts: true, sharePresence: true });
  });

  it('takes nothing else for a preference, and asks who one is', async () => {
    for (const body of [{ sharePresence: 'no' }, { shareEverything: true }, [], 'yes', null]) {
      const refused = await change(bob, body);
      expect([refused.status, refused.body.code]).toEqual([400, 'invalid_request']);
    }
    for (const method of ['GET', 'PUT'] as const) {
      expect((await http.ask(method, '/v1/me/preferences')).status).toBe(401);
    }
  });
});
