import type { ClientFrame, Draft } from '../protocol.ts';
import type { Clock } from './clock.ts';
import type { Times } from './times.ts';
import type { ConversationId, Seq } from './types.ts';

type Deps = {
  readonly clock: Clock;
  readonly times: Times;
  readonly send: (frame: ClientFrame) => boolean;
  readonly onDraft: (draft: Draft) => void;
};
type Mine = {
  readonly text: string;
  readonly replyTo: Seq | undefined;
  said: number;
  cancel: (() => void) | undefined;
};

/** More than anybody writes at once. */
const MOST = 100;
/** One that does not come back was refused, maybe. */
const TRIES = 5;

/**
 * What is being written, said after a pause, and again until it comes back. Until then whatever else comes is older: the
 * server tells of drafts in their order.
 */
export const createDrafts = ({ clock, times, send, onDraft }: Deps) => {
  const unheard = new Map<ConversationId, Mine>();
  /** The newest that was heard: a server that was killed may know an older one only. */
  const heardAt = new Map<ConversationId, number>();

  const forget = (conversationId: ConversationId) => {
    unheard.get(conversationId)?.cancel?.();
    unheard.delete(conversationId);
  };

  const say = (conversationId: ConversationId, draft: Mine) => {
    draft.cancel?.();
    draft.cancel = undefined;
    if (draft.said >= TRIES) return forget(conversationId);
    const { text, replyTo } = draft;
    const reply = replyTo === undefined ? {} : { replyTo };
    // Without a connection it is said on the next one.
    if (!send({ type: 'draft', conversationId, text, ...reply })) return;
    draft.said += 1;
    draft.cancel = clock.after(times.draftAgain, () => say(conversationId, draft));
  };

  return {
    save: (conversationId: ConversationId, text: string, replyTo: Seq | undefined): void => {
      forget(conversationId);
      const draft: Mine = { text, replyTo, said: 0, cancel: undefined };
      unheard.set(conversationId, draft);
      // That there is nothing any more is said at once: it was sent, mostly.
      if (text === '') say(conversationId, draft);
      else draft.cancel = clock.after(times.draft, () => say(conversationId, draft));
      const [oldest] = unheard.keys();
      if (oldest !== undefined && unheard.size > MOST) forget(oldest);
    },
    heard: (draft: Draft): void => {
      if (draft.at <= (heardAt.get(draft.conversationId) ?? 0)) return;
      heardAt.set(draft.conversationId, draft.at);
      const mine = unheard.get(draft.conversationId);
      if (!mine) onDraft(draft);
      else if (mine.said > 0 && mine.text === draft.text && mine.replyTo === draft.replyTo)
        forget(draft.conversationId);
    },
    resume: (): void => {
      for (const [conversationId, draft] of unheard) {
        // Whoever is still typing says it after the pause.
        if (draft.said === 0 && draft.cancel) continue;
        draft.said = 0;
        say(conversationId, draft);
      }
    },
    close: (): void => {
      for (const [conversationId, draft] of unheard) if (draft.said === 0) say(conversationId, draft);
      for (const conversationId of unheard.keys()) forget(conversationId);
    },
  };
};
