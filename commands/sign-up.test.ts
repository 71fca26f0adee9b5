import { afterEach, describe, expect, it } from 'vitest';
import { codeOf, granted, testAccounts } from '../infra/testing/accounts.ts';
import type { AccountSettings } from './accounts.ts';
import { addUser } from './add-user.ts';
import { invite } from './invite.ts';
import { signIn } from './sign-in.ts';
import { signUp } from './sign-up.ts';

let close: () => Promise<void> = () => Promise.resolve();
afterEach(() => close());

const open = async (settings: Partial<AccountSettings> = {}) => {
  const opened = await testAccounts(settings);
  ({ close } = opened);
  return opened;
};

const password = 'correct horse';

describe('signing up', () => {
  it('makes an account, signs in, and makes the first person the owner', async () => {
    const { accounts } = await open();
    const ada = granted(await signUp(accounts, { username: 'ada', password }));
    expect(ada.user).toMatchObject({ username: 'ada', displayName: 'ada', role: 'owner' });
    expect(await accounts.tokens.verify(ada.accessToken)).toMatchObject({
      userId: ada.user.userId,
      deviceId: ada.deviceId,
    });
    expect(ada.refreshToken).toMatch(/^prt_[\w-]{43}$/);
    const bea = granted(
      await signUp(accounts, { username: 'bea', displayName: 'Bea B.', password, deviceName: 'phone' }),
    );
    expect(bea.user).toMatchObject({ displayName: 'Bea B.', role: 'member' });
    expect(await accounts.directory.sessions.list(bea.user.userId)).toMatchObject([{ name: 'phone' }]);
  });

  it.each(['open', 'invitation', 'closed'] as const)(
    'makes exactly one of many first people the owner when sign-up is %s',
    async (mode) => {
      const { accounts } = await open({ signUp: mode });
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, n) => signUp(accounts, { username: `person${n}`, password })),
      );
      const sessions = answers.filter((answer) => 'user' in answer);
      expect(sessions.filter(({ user }) => user.role === 'owner')).toHaveLength(1);
      expect(sessions).toHaveLength(mode === 'open' ? 12 : 1);
      const refused = { open: [], invitation: ['invitation_required'], closed: ['sign_up_closed'] }[mode];
      expect([...new Set(answers.map(codeOf))].filter((code) => code !== 'granted')).toEqual(refused);
    },
  );

  it('lets exactly one of many have a name in any of its spellings', async () => {
    const { accounts } = await open();
    const spellings = ['Zoë', 'zoë', 'ZOË', 'zoe\u0308', 'ｚoë'];
    const answers = await Promise.all(spellings.map((username) => signUp(accounts, { username, password })));
    expect(answers.map(codeOf).sort()).toEqual(['granted', ...Array<string>(4).fill('username_taken')]);
    for (const username of spellings) granted(await signIn(accounts, { username, password }));
  });

  it('refuses names that are none once they are normalized', async () => {
    const { accounts } = await open();
    for (const username of [
      '',
      'x',
      'a b',
      'will＠irc',
      'will@irc',
      'a\0b',
      'a\u200db',
      '¨umlaut',
      'a／b',
      'x'.repeat(10_000),
    ]) {
      expect(codeOf(await signUp(accounts, { username, password }))).toBe('username_invalid');
      expect(codeOf(await addUser(accounts, { username }))).toBe('username_invalid');
    }
    const quoted = `';drop--"`;
    granted(await signUp(accounts, { username: quoted, password }));
    granted(await signIn(accounts, { username: quoted, password }));
  });

  it('takes an invitation for each of its uses and not one more', async () => {
    const { accounts, clock } = await open({ signUp: 'invitation' });
    const { user } = granted(await signUp(accounts, { username: 'ada', password }));
    const { code, expiresAt } = granted(await invite(accounts, { by: user.userId, uses: 3 }));
    expect(code).toMatch(/^pin_[\w-]{43}$/);
    expect(expiresAt).toBe(clock.now + 7 * 86_400_000);
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        signUp(accounts, { username: `guest${n}`, password, invitation: code }),
      ),
    );
    expect(answers.map(codeOf).sort()).toEqual([
      ...Array<string>(3).fill('granted'),
      ...Array<string>(5).fill('invitation_invalid'),
    ]);
    expect(codeOf(await signUp(accounts, { username: 'late', password, invitation: 'pin_nonsense' }))).toBe(
      'invitation_invalid',
    );
  });

  it('does not use an invitation up for a name that is taken, nor after its time', async () => {
    const { accounts, clock } = await open({ signUp: 'invitation' });
    const { user } = granted(await signUp(accounts, { username: 'ada', password }));
    const { code: invitation } = granted(await invite(accounts, { by: user.userId }));
    const same = () => signUp(accounts, { username: 'bea', password, invitation });
    granted(await addUser(accounts, { username: 'bea' }));
    expect((await Promise.all([same(), same()])).map(codeOf)).toEqual(['username_taken', 'username_taken']);
    clock.now += 7 * 86_400_000 + 1;
    expect(codeOf(await signUp(accounts, { username: 'cleo', password, invitation }))).toBe(
      'invitation_invalid',
    );
    clock.now -= 1;
    granted(await signUp(accounts, { username: 'cleo', password, invitation }));
  });

  it('lets only the owner invite', async () => {
    const { accounts } = await open();
    granted(await signUp(accounts, { username: 'ada', password }));
    const bea = granted(await signUp(accounts, { username: 'bea', password }));
    expect(codeOf(await invite(accounts, { by: bea.user.userId }))).toBe('owner_only');
  });

  it('turns people away when too many are waiting', async () => {
    const { accounts } = await open({ passwords: { memoryKiB: 1024, passes: 1, inFlight: 1, waiting: 2 } });
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, n) => signUp(accounts, { username: `person${n}`, password })),
    );
    expect(answers.map(codeOf).filter((code) => code === 'granted')).toHaveLength(3);
    expect(answers.find((answer) => 'rejected' in answer)).toMatchObject({
      rejected: 'too_many_attempts',
      retryAfterMs: 1000,
    });
  });
});

describe('adding a user', () => {
  it('adds one with a password, who may sign in and owns the site if first, and one without, who may not', async () => {
    const { accounts } = await open({ signUp: 'closed' });
    expect(granted(await addUser(accounts, { username: 'bot' })).role).toBe('member');
    expect(granted(await addUser(accounts, { username: 'ada', displayName: 'Ada', password })).role).toBe(
      'owner',
    );
    granted(await signIn(accounts, { username: 'ADA', password }));
    expect(codeOf(await signIn(accounts, { username: 'bot', password: '' }))).toBe('wrong_credentials');
    expect(codeOf(await addUser(accounts, { username: 'Ada', password }))).toBe('username_taken');
  });
});
