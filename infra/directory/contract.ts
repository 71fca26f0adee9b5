import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { ulid } from 'ulid';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Device,
  type Directory,
  DirectoryUnavailable,
  UsernameTaken,
} from '../../domain/ports/directory.ts';
import { draftsContract } from './contract-drafts.ts';
import { ownStateContract } from './contract-own-state.ts';

const hex = () => randomBytes(32).toString('hex');
const newUser = (username: string, displayName = username) => ({
  userId: ulid(),
  username,
  displayName,
  createdAt: 1_700_000_000_000,
});
const device = (userId: string, createdAt = 1000): Device => ({
  deviceId: ulid(),
  userId,
  name: 'Firefox',
  createdAt,
  lastSeenAt: createdAt,
});
const names = (users: readonly { username: string }[]) => users.map(({ username }) => username);

/** What every adapter of the directory passes. `open` gives an empty one, which the suite closes. */
export const directoryContract = (open: () => Promise<Directory>): void => {
  let directory: Directory;

  beforeEach(async () => {
    directory = await open();
  });
  afterEach(async () => {
    await directory[Symbol.asyncDispose]();
  });

  describe('people', () => {
    it('P1 refuses a username that differs in case or compatible characters only, and writes nothing', async () => {
      await directory.people.add(newUser('Ａnna'));
      for (const username of ['anna', 'ANNA', 'ａＮna']) {
        const refused = newUser(username, 'Imposter');
        await expect(directory.people.add(refused, 'hash')).rejects.toThrow(UsernameTaken);
        expect(await directory.people.byId([refused.userId])).toEqual([undefined]);
      }
      expect(await directory.people.search('imposter', 10)).toEqual([]);
      expect(await directory.people.owner()).toBeUndefined();
    });

    it('P1 folds Greek words whatever their last letter', async () => {
      await directory.people.add(newUser('ΟΔΥΣ'));
      await expect(directory.people.add(newUser('οδυσ'))).rejects.toThrow(UsernameTaken);
      expect(names(await directory.people.search('ΟΔΥΣ', 5))).toEqual(['ΟΔΥΣ']);
    });

    it('P1 lets exactly one of many have a name that all ask for at once', async () => {
      const users = ['bob', 'Bob', 'BOB', 'bOB', 'ｂob'].map((username) => newUser(username));
      const results = await Promise.allSettled(users.map((user) => directory.people.add(user, 'hash')));
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(names(await directory.people.search('bob', 10))).toHaveLength(1);
    });

    it('P2 gives what is stored when the same person is added again, also at the same time', async () => {
      const ann = newUser('ann', 'Ann');
      const [first, second] = await Promise.all([
        directory.people.add(ann, 'one'),
        directory.people.add(ann, 'one'),
      ]);
      expect(second).toEqual(first);
      expect(await directory.people.add({ ...ann, username: 'other' }, 'two')).toEqual(first);
      expect(await directory.people.credentials(ann.userId)).toBe('one');
      expect(await directory.people.byUsername('other')).toBeUndefined();
    });

    it('P2 adds many, passes over those who are there, and adds none if one name is taken', async () => {
      const many = Array.from({ length: 1203 }, (_, n) => newUser(`nick${n}@irc`, `nick${n}`));
      await directory.people.addMany(many.slice(0, 700));
      await directory.people.addMany([...many, ...many.slice(0, 5)]);
      const stored = await directory.people.byId(many.map(({ userId }) => userId));
      expect(stored).toEqual(many.map((user) => ({ ...user, role: 'member' })));
      expect(await directory.people.search('nick1202', 5)).toHaveLength(1);

      const clash = [newUser('fresh@irc'), newUser('NICK7@irc')];
      await expect(directory.people.addMany(clash)).rejects.toThrow(UsernameTaken);
      expect(await directory.people.byUsername('fresh@irc')).toBeUndefined();
      expect(await directory.people.search('fresh', 5)).toEqual([]);
      await directory.people.addMany([]);
    });

    it('P3 makes the first person with a password the owner, and nobody else', async () => {
      expect(await directory.people.owner()).toBeUndefined();
      expect((await directory.people.add(newUser('imported@irc'))).role).toBe('member');
      const owner = await directory.people.add(newUser('ada'), 'hash');
      expect(owner.role).toBe('owner');
      expect((await directory.people.add(newUser('bea'), 'hash')).role).toBe('member');
      expect(await directory.people.owner()).toEqual(owner);
    });

    it('P3 makes exactly one of many who come at once the owner', async () => {
      const people = Array.from({ length: 20 }, (_, n) => newUser(`person${n}`));
      const added = await Promise.all(people.map((user) => directory.people.add(user, 'hash')));
      expect(added.filter(({ role }) => role === 'owner')).toEqual([await directory.people.owner()]);
    });

    it('P4 finds by username whatever the case, and by id in the order asked for', async () => {
      const will = await directory.people.add(newUser('Will@irc'));
      const ann = await directory.people.add(newUser('ann'));
      expect(await directory.people.byUsername('wILL@IRC')).toEqual(will);
      expect(await directory.people.byUsername('will')).toBeUndefined();
      expect(await directory.people.byId([ann.userId, ulid(), will.userId, ann.userId])).toEqual([
        ann,
        undefined,
        will,
        ann,
      ]);
      expect(await directory.people.byId([])).toEqual([]);
    });

    it('P4 searches words of usernames and display names by prefix, what matches exactly first', async () => {
      await directory.people.addMany([
        newUser('annabel'),
        newUser('x1', 'Mary-Ann Smith'),
        newUser('zed', 'Joanna'),
        newUser('_will_@irc', 'Will'),
      ]);
      await directory.people.add(newUser('ann', 'Ann'), 'hash');
      expect(names(await directory.people.search('ANN', 10))).toEqual(['ann', 'x1', 'annabel']);
      expect(names(await directory.people.search('ann', 1))).toEqual(['ann']);
      expect(names(await directory.people.search('ann sm', 10))).toEqual(['x1']);
      expect(names(await directory.people.search('smi', 10))).toEqual(['x1']);
      expect(names(await directory.people.search('will', 10))).toEqual(['_will_@irc']);
      expect(names(await directory.people.search('_wil', 10))).toEqual(['_will_@irc']);
      expect(await directory.people.search('nobody', 10)).toEqual([]);
      expect(await directory.people.search('a', 0)).toEqual([]);
      expect(await directory.people.search('', 3)).toHaveLength(3);
    });

    it('P4 gives each person once, also one whose many words all match', async () => {
      await directory.people.add(newUser('aaa', Array.from({ length: 30 }, (_, n) => `a${n}`).join(' ')));
      await directory.people.add(newUser('azz'));
      expect(names(await directory.people.search('a', 2))).toEqual(['aaa', 'azz']);
    });

    it('P4 finds everybody by any prefix of the username', async () => {
      const stored = new Map<string, string>();
      const username = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
      await fc.assert(
        fc.asyncProperty(username, fc.nat(11), async (name, end) => {
          const user = newUser(name);
          const added = await directory.people.add(user).catch((error: unknown) => {
            if (error instanceof UsernameTaken) return directory.people.byUsername(name);
            throw error;
          });
          stored.set(added?.userId ?? '', name);
          const prefix = Array.from(name.normalize('NFKC').toLowerCase())
            .slice(0, end + 1)
            .join('');
          const found = await directory.people.search(prefix, 1000);
          expect(found.map(({ userId }) => userId)).toContain(added?.userId);
        }),
        { numRuns: 60 },
      );
      expect(stored.has('')).toBe(false);
    });

    it('P4 takes hostile text as text', async () => {
      const hostile = [
        "'; drop table people; --",
        '" or 1=1 --',
        '%',
        '_',
        '*',
        '\\',
        'nul\0l',
        'half\ud800',
        '🙂',
        'x'.repeat(10_000),
        `y${' y'.repeat(5_000)}`,
      ];
      for (const text of hostile) {
        const user = await directory.people.add(newUser(text), 'hash');
        expect(await directory.people.byUsername(text)).toEqual(user);
        expect(await directory.people.byId([text])).toEqual([undefined]);
        expect((await directory.people.search(text, 5)).map(({ userId }) => userId)).toEqual([user.userId]);
        expect(await directory.people.credentials(text)).toBeUndefined();
        expect(await directory.sessions.active(text)).toBeUndefined();
        expect(await directory.sessions.rotate(text, { tokenHash: hex(), expiresAt: 1 }, 0)).toEqual({
          outcome: 'unknown',
        });
        expect(await directory.invitations.use(text, 0)).toBe(false);
      }
      expect(await directory.people.search('', 100)).toHaveLength(hostile.length);
    });

    it('P5 gives the password hash of those who have one', async () => {
      const ann = await directory.people.add(newUser('ann'), '$argon2id$…');
      const will = await directory.people.add(newUser('will@irc'));
      expect(await directory.people.credentials(ann.userId)).toBe('$argon2id$…');
      expect(await directory.people.credentials(will.userId)).toBeUndefined();
      expect(await directory.people.credentials(ulid())).toBeUndefined();
    });
  });

  describe('sessions', () => {
    const opened = async (expiresAt = 5000) => {
      const phone = device(ulid());
      const token = hex();
      await directory.sessions.open(phone, token, expiresAt);
      return { device: phone, token };
    };
    const next = (expiresAt = 9000) => ({ tokenHash: hex(), expiresAt });

    it('D1 opens a device with a token that rotates', async () => {
      const { device, token } = await opened();
      expect(await directory.sessions.active(device.deviceId)).toEqual(device);
      const rotated = { outcome: 'rotated', device: { ...device, lastSeenAt: 2000 } };
      expect(await directory.sessions.rotate(token, next(), 2000)).toEqual(rotated);
      expect(await directory.sessions.active(device.deviceId)).toEqual(rotated.device);
    });

    it('D2 rotates a chain of tokens, each once, and ends the device when an old one comes back', async () => {
      const { device, token } = await opened();
      const chain = [next(), next(), next()];
      let current = token;
      for (const link of chain) {
        expect((await directory.sessions.rotate(current, link, 2000)).outcome).toBe('rotated');
        current = link.tokenHash;
      }
      const reuse = await directory.sessions.rotate(chain[0]?.tokenHash ?? '', next(), 2001);
      expect(reuse).toEqual({ outcome: 'reused', deviceId: device.deviceId });
      expect(await directory.sessions.rotate(current, next(), 2002)).toEqual({ outcome: 'revoked' });
      expect(await directory.sessions.active(device.deviceId)).toBeUndefined();
    });

    it('D2 rotates a token for exactly one of many callers, and ends the device', async () => {
      for (let run = 0; run < 10; run += 1) {
        const { device, token } = await opened();
        const callers = Array.from({ length: 2 + run }, () => next());
        const outcomes = await Promise.all(callers.map((to) => directory.sessions.rotate(token, to, 2000)));
        const count = (outcome: string) => outcomes.filter((rotation) => rotation.outcome === outcome).length;
        expect([count('rotated'), count('reused') > 0]).toEqual([1, true]);
        expect(count('rotated') + count('reused') + count('revoked')).toBe(callers.length);
        expect(await directory.sessions.active(device.deviceId)).toBeUndefined();
        for (const { tokenHash } of callers) {
          expect((await directory.sessions.rotate(tokenHash, next(), 2000)).outcome).not.toBe('rotated');
        }
      }
    });

    it('D3 says why a token rotates nothing', async () => {
      expect(await directory.sessions.rotate(hex(), next(), 0)).toEqual({ outcome: 'unknown' });
      const { device, token } = await opened(5000);
      expect(await directory.sessions.rotate(token, next(), 5001)).toEqual({ outcome: 'expired' });
      expect(await directory.sessions.rotate(token, next(), 5000)).toMatchObject({ outcome: 'rotated' });
      const other = await opened();
      await directory.sessions.revoke(other.device.deviceId);
      expect(await directory.sessions.rotate(other.token, next(), 2000)).toEqual({ outcome: 'revoked' });
      expect(await directory.sessions.active(device.deviceId)).toBeDefined();
    });

    it('D3 refuses expired tokens of a chain, however old, without rotating', async () => {
      const { token } = await opened(5000);
      const second = next(6000);
      const third = next(90_000);
      await directory.sessions.rotate(token, second, 4000);
      await directory.sessions.rotate(second.tokenHash, third, 5500);
      expect(['expired', 'unknown']).toContain(
        (await directory.sessions.rotate(token, next(), 7000)).outcome,
      );
      expect((await directory.sessions.rotate(third.tokenHash, next(), 7000)).outcome).toBe('rotated');
    });

    it('D4 revokes for good, as often as asked', async () => {
      const { device } = await opened();
      await directory.sessions.revoke(device.deviceId);
      await directory.sessions.revoke(device.deviceId);
      await directory.sessions.revoke(ulid());
      expect(await directory.sessions.active(device.deviceId)).toBeUndefined();
    });

    it('D5 lists a person’s devices, newest first, without the revoked', async () => {
      const userId = ulid();
      const devices = [device(userId, 1000), device(userId, 3000), device(userId, 2000)] as const;
      for (const each of devices) await directory.sessions.open(each, hex(), 9000);
      await opened();
      expect(await directory.sessions.list(userId)).toEqual([devices[1], devices[2], devices[0]]);
      await directory.sessions.revoke(devices[2].deviceId);
      expect(await directory.sessions.list(userId)).toEqual([devices[1], devices[0]]);
      expect(await directory.sessions.list(ulid())).toEqual([]);
    });
  });

  describe('keyring', () => {
    const key = (createdAt: number) => ({
      kid: ulid(),
      createdAt,
      privateJwk: { kty: 'OKP', d: 'dd' },
      publicJwk: { kty: 'OKP', x: 'xx' },
    });

    it('K1 lists keys as they were added, newest first', async () => {
      const keys = [key(1000), key(3000), key(2000)] as const;
      for (const each of keys) await directory.keyring.add(each, 0);
      expect(await directory.keyring.list()).toEqual([keys[1], keys[2], keys[0]]);
    });

    it('K2 drops keys older than asked, but never the one just added', async () => {
      const keys = [key(1000), key(2000), key(500)] as const;
      await directory.keyring.add(keys[0], 0);
      await directory.keyring.add(keys[1], 1000);
      expect(await directory.keyring.list()).toEqual([keys[1], keys[0]]);
      await directory.keyring.add(keys[2], 1500);
      expect(await directory.keyring.list()).toEqual([keys[1], keys[2]]);
    });
  });

  describe('invitations', () => {
    it('I1 lets as many in as it has uses, also when all come at once', async () => {
      const code = hex();
      await directory.invitations.add(code, ulid(), 3, 5000);
      const uses = await Promise.all(Array.from({ length: 10 }, () => directory.invitations.use(code, 4000)));
      expect(uses.filter(Boolean)).toHaveLength(3);
      expect(await directory.invitations.use(code, 4000)).toBe(false);
    });

    it('I1 lets nobody in after its time, and knows no other code', async () => {
      const code = hex();
      await directory.invitations.add(code, ulid(), 1, 5000);
      expect(await directory.invitations.use(code, 5001)).toBe(false);
      expect(await directory.invitations.use(hex(), 4000)).toBe(false);
      expect(await directory.invitations.use(code, 5000)).toBe(true);
    });
  });

  ownStateContract(() => directory);
  draftsContract(() => directory);

  it('throws DirectoryUnavailable once it is closed', async () => {
    await directory[Symbol.asyncDispose]();
    await expect(directory.people.owner()).rejects.toThrow(DirectoryUnavailable);
    await expect(directory.people.add(newUser('ann'))).rejects.toThrow(DirectoryUnavailable);
    directory = await open();
  });
};
