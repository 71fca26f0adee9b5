import type { ConversationSummary } from '../protocol.ts';
import { nameOf } from './people.ts';
import { me } from './store.ts';
import type { UserId } from '../client/types.ts';

/** The other one of a direct conversation. */
export const otherOf = ({ people }: ConversationSummary): UserId | undefined =>
  people?.find((userId) => userId !== me.value);

export const titleOf = (summary: ConversationSummary): string => {
  const other = otherOf(summary);
  return summary.title ?? (other === undefined ? 'Conversation' : nameOf(other));
};
