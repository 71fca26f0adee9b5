import { type Signal, batch, signal } from '@preact/signals';
import type { Status } from '../client/options.ts';
import type { ConversationId, UserId } from '../client/types.ts';
import type { Presence } from '../protocol.ts';

/** Of the connection. `offline` says why, and when it tries again. */
export const status = signal<Status>({ state: 'connecting' });

const typing = new Map<ConversationId, Signal<readonly UserId[]>>();
const presence = new Map<UserId, Signal<Presence | undefined>>();

const entryOf = <K, V>(map: Map<K, Signal<V>>, key: K, first: V): Signal<V> => {
  const found = map.get(key) ?? signal(first);
  map.set(key, found);
  return found;
};

/** Who writes there now, but for oneself. */
export const typingIn = (id: ConversationId): Signal<readonly UserId[]> => entryOf(typing, id, []);

/** undefined: not known, because nobody asked, they don’t show it, or there is no connection. */
export const presenceOf = (userId: UserId): Signal<Presence | undefined> =>
  entryOf(presence, userId, undefined);

export const onTyping = (id: ConversationId, userIds: readonly UserId[]): void => {
  typingIn(id).value = userIds;
};

export const onPresence = (people: readonly Presence[]): void =>
  batch(() => {
    for (const one of people) presenceOf(one.userId).value = one;
  });

export const onStatus = (next: Status): void =>
  batch(() => {
    status.value = next;
    // Without a connection nobody knows; on the next one all of it is told again.
    if (next.state !== 'online') for (const one of presence.values()) one.value = undefined;
  });

/** Nothing of one person may be left for the next. */
export const clearLive = (): void => {
  typing.clear();
  presence.clear();
};
