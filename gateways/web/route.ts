import { signal } from '@preact/signals';
import type { ConversationId } from '../client/types.ts';

const read = (): ConversationId | undefined => /^#\/c\/([0-9A-Z]{26})$/.exec(location.hash)?.[1];

/** The open conversation, as in `#/c/<id>`. */
export const route = signal<ConversationId | undefined>(read());

globalThis.addEventListener('hashchange', () => {
  route.value = read();
});

export const hrefOf = (id: ConversationId): string => `#/c/${id}`;

export const go = (id: ConversationId | undefined): void => {
  location.hash = id === undefined ? '#/' : hrefOf(id);
};
