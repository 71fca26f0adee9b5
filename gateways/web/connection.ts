import { computed, effect, untracked } from '@preact/signals';
import { createClient } from '../client/client.ts';
import type { KeyValue } from '../client/key-value.ts';
import type { UserId } from '../client/types.ts';
import { onOutgoing } from './actions.ts';
import { away, payAttention } from './attention.ts';
import { client } from './client.ts';
import { onDraft } from './draft.ts';
import { clearLive, onPresence, onStatus, onTyping } from './live.ts';
import { access, session } from './session.ts';
import {
  clearStore,
  onEvents,
  onLost,
  onMarked,
  onMissed,
  onReceipts,
  resume,
  shownConversations,
} from './store.ts';
import { toast } from './toast.ts';

const kv: KeyValue = {
  get: (key) => localStorage.getItem(key) ?? undefined,
  set: (key, value) => localStorage.setItem(key, value),
  delete: (key) => localStorage.removeItem(key),
  keys: () => Object.keys(localStorage),
};

const connect = (userId: UserId) => {
  const mine = createClient({
    url: location.origin,
    userId,
    access,
    kv,
    // A reload starts with the views: no events are kept here.
    resumes: false,
    listeners: {
      onStatus,
      onEvents,
      onBehind: onMissed,
      onReset: resume,
      onLost,
      onOutgoing,
      onReceipts,
      onMarked,
      onTyping,
      onPresence,
      onDraft,
      // What passes by itself is shown by the status.
      onError: ({ retry, message }) => !retry && toast(message),
    },
  });
  client.value = mine;
  for (const message of mine.outgoing()) onOutgoing(message);
  mine.connect();
};

const disconnect = () => {
  client.peek()?.forget();
  client.value = undefined;
  clearStore();
  clearLive();
};

/** Connected for as long as somebody is signed in. */
export const stayConnected = (): void => {
  const person = computed(() => session.value?.user.userId);
  let last: UserId | undefined;
  effect(() => {
    const next = person.value;
    untracked(() => {
      if (last !== undefined) disconnect();
      if (next !== undefined) connect(next);
    });
    last = next;
  });
  const hurry = () => {
    if (document.visibilityState === 'visible') client.peek()?.hurry();
  };
  globalThis.addEventListener('online', hurry);
  globalThis.addEventListener('offline', hurry);
  document.addEventListener('visibilitychange', hurry);
  payAttention();
  effect(() => client.value?.setAway(away.value));
  effect(() => client.value?.watch(shownConversations.value));
};
