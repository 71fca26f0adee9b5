import type { ClientFrame, ServerFrame } from '../protocol.ts';
import type { Clock } from './clock.ts';
import type { Times } from './times.ts';
import type { ConversationId, UserId } from './types.ts';

type Deps = {
  readonly clock: Clock;
  readonly times: Times;
  readonly send: (frame: ClientFrame) => boolean;
  readonly onTyping: (conversationId: ConversationId, userIds: readonly UserId[]) => void;
};

/** Says that one types, not too often, and knows who else does. */
export const createTyping = ({ clock, times, send, onTyping }: Deps) => {
  const mine = new Map<ConversationId, { saidAt: number; cancel: () => void }>();
  const others = new Map<ConversationId, Map<UserId, () => void>>();

  const stop = (conversationId: ConversationId) => {
    const typing = mine.get(conversationId);
    if (!typing) return;
    typing.cancel();
    mine.delete(conversationId);
    send({ type: 'typing', conversationId, on: false });
  };

  const key = (conversationId: ConversationId) => {
    const before = mine.get(conversationId);
    before?.cancel();
    const isDue = !before || clock.now() - before.saidAt >= times.typingOn;
    const said = isDue && send({ type: 'typing', conversationId, on: true });
    const saidAt = said ? clock.now() : (before?.saidAt ?? Number.NEGATIVE_INFINITY);
    mine.set(conversationId, { saidAt, cancel: clock.after(times.typingOff, () => stop(conversationId)) });
  };

  const tell = (conversationId: ConversationId) =>
    onTyping(conversationId, [...(others.get(conversationId)?.keys() ?? [])]);

  /** Whether they did. */
  const forget = (conversationId: ConversationId, userId: UserId): boolean => {
    const typing = others.get(conversationId);
    const cancel = typing?.get(userId);
    if (!cancel) return false;
    cancel();
    typing?.delete(userId);
    if (typing?.size === 0) others.delete(conversationId);
    return true;
  };

  return {
    key,
    stop,
    /** Whoever has sent something has stopped. */
    sent: (conversationId: ConversationId, userId: UserId): void => {
      if (others.size > 0 && forget(conversationId, userId)) tell(conversationId);
    },
    heard: ({ conversationId, on, off }: Extract<ServerFrame, { type: 'typing' }>): void => {
      for (const userId of off) forget(conversationId, userId);
      for (const userId of on) {
        forget(conversationId, userId);
        const typing = others.get(conversationId) ?? new Map<UserId, () => void>();
        others.set(conversationId, typing);
        const over = () => {
          if (forget(conversationId, userId)) tell(conversationId);
        };
        typing.set(userId, clock.after(times.typingOver, over));
      }
      tell(conversationId);
    },
    /** The connection broke: nobody is known to type. */
    pause: (): void => {
      for (const { cancel } of mine.values()) cancel();
      mine.clear();
      const places = [...others];
      others.clear();
      for (const [conversationId, typing] of places) {
        for (const cancel of typing.values()) cancel();
        tell(conversationId);
      }
    },
  };
};
