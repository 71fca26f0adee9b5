import { type Signal, signal } from '@preact/signals';
import type { User } from '../protocol.ts';
import { api } from './session.ts';
import { session } from './session.ts';
import type { UserId } from '../client/types.ts';

/** Parlance itself, as the actor of imports and the like. */
const SYSTEM: UserId = '0'.repeat(26);
const BATCH = 100;
const RETRY_AFTER = 5_000;

/** undefined: not known yet; null: there is no such person. */
type Known = Signal<User | undefined | null>;

const known = new Map<UserId, Known>();
const wanted = new Set<UserId>();
let asking = false;
session.subscribe((current) => {
  if (current) return;
  known.clear();
  wanted.clear();
});

/** Somebody, read when first needed. */
export const person = (userId: UserId): Known => {
  const found = known.get(userId);
  if (found) return found;
  const fresh: Known = signal(undefined);
  known.set(userId, fresh);
  if (userId !== SYSTEM) want(userId);
  return fresh;
};

const want = (userId: UserId) => {
  wanted.add(userId);
  if (asking) return;
  asking = true;
  queueMicrotask(() => void ask());
};

const ask = async () => {
  while (wanted.size > 0) {
    const ids = [...wanted].slice(0, BATCH);
    for (const id of ids) wanted.delete(id);
    try {
      learn((await api.users(ids)).users);
      for (const id of ids) {
        const entry = known.get(id);
        if (entry?.value === undefined && entry) entry.value = null;
      }
    } catch {
      if (session.peek()) for (const id of ids) wanted.add(id);
      break;
    }
  }
  asking = false;
  if (wanted.size > 0) setTimeout(() => wanted.forEach(want), RETRY_AFTER);
};

export const learn = (users: readonly User[]): void => {
  for (const user of users) {
    const entry = known.get(user.userId);
    if (entry) entry.value = user;
    else known.set(user.userId, signal<User | undefined | null>(user));
  }
};

export const nameOf = (userId: UserId): string => {
  if (userId === SYSTEM) return 'Parlance';
  const found = person(userId).value;
  return found === null ? 'Somebody' : (found?.displayName ?? '…');
};

export const usernameOf = (userId: UserId): string | undefined => person(userId).value?.username;

/** The degrees of a colour that stays the same for this id. */
export const hueOf = (id: string): number => {
  let hash = 0x811c9dc5;
  for (const character of id) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  return (hash >>> 0) % 360;
};

/** One or two letters that stand for a name. */
export const initialsOf = (name: string): string => {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== '');
  const named = words.filter((word) => /^\p{L}/u.test(word));
  const [first, ...rest] = named.length > 0 ? named : words;
  const letters = [first, rest.at(-1)].map((word) =>
    word === undefined ? '' : String.fromCodePoint(word.codePointAt(0) ?? 0),
  );
  return letters.join('').toUpperCase() || '?';
};
