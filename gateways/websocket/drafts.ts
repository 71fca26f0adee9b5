import { LRUCache } from 'lru-cache';
import type { ConversationId, Seq, UserId } from '../../domain/id.ts';
import type { Directory, Draft } from '../../domain/ports/directory.ts';
import { Refusal } from '../rejections.ts';
import { Frame } from './frame.ts';

export const draftTimes = {
  /** Everybody's drafts are written together, at most once in this time… */
  writeMs: 1000,
  /** …or as soon as so many wait, */
  early: 500,
  /** and no more than these may. */
  waiting: 2000,
} as const;

const CLOCKS = 20_000;

type DraftWish = {
  readonly conversationId: ConversationId;
  readonly text: string;
  readonly replyTo?: Seq | undefined;
};
type Unwritten = Map<string, Draft & { readonly userId: UserId }>;
type Deps = {
  readonly directory: Pick<Directory, 'drafts'>;
  readonly rooms: { seatsOf(userId: UserId): Iterable<{ send(frame: Frame): void }> };
  readonly now: () => number;
  readonly writeMs?: number;
};

/**
 * What people are writing, on all their devices. A person's sockets are told at once, also the one it came from: in one
 * order for all, and it knows by that that it was heard. It is written to the directory in groups, because somebody who types
 * makes many of which the last one counts.
 */
export const createDrafts = ({ directory, rooms, now, writeMs = draftTimes.writeMs }: Deps) => {
  const clocks = new LRUCache<string, number>({ max: CLOCKS });
  let waiting: Unwritten = new Map();
  let writing: Unwritten = new Map();
  /** The write that will take all that is waiting. */
  let next: Promise<void> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let pause: Promise<unknown> = Promise.resolve();
  let hurry: () => void = () => undefined;
  let closed = false;

  const write = async () => {
    await last;
    await pause;
    next = undefined;
    writing = waiting;
    waiting = new Map();
    pause = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, writeMs).unref();
      hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    try {
      await directory.drafts.put([...writing.values()]);
    } finally {
      writing = new Map();
    }
  };

  const written = (): Promise<void> => {
    if (!next) {
      next = write();
      last = next.catch(() => undefined);
    }
    if (closed || waiting.size >= draftTimes.early) hurry();
    return next;
  };

  return {
    /**
     * Resolves when it is stored, which the person's sockets are told before. Throws a `Refusal` and `DirectoryUnavailable`.
     * Whether the person is in that conversation is for the caller to know.
     */
    async put(
      { userId }: { readonly userId: UserId },
      { conversationId, text, replyTo }: DraftWish,
    ): Promise<void> {
      const key = `${userId} ${conversationId}`;
      if (waiting.size >= draftTimes.waiting && !waiting.has(key)) throw new Refusal('overloaded');
      const at = Math.max(now(), (clocks.get(key) ?? 0) + 1);
      clocks.set(key, at);
      const draft: Draft = { conversationId, text, ...(replyTo !== undefined && { replyTo }), at };
      waiting.set(key, { userId, ...draft });
      const frame = new Frame({ type: 'draft', draft });
      for (const seat of rooms.seatsOf(userId)) seat.send(frame);
      await written();
    },

    /**
     * The person's newest drafts, also those not written yet, newest first. Of what was removed lately the text is empty: other
     * devices may have it still. Throws `DirectoryUnavailable`.
     */
    async of(userId: UserId): Promise<readonly Draft[]> {
      // Taken before the directory is read: what is written meanwhile is in one of the two at least.
      const unwritten = [...writing.values(), ...waiting.values()];
      const newest = new Map(
        (await directory.drafts.list(userId)).map((draft) => [draft.conversationId, draft]),
      );
      // What is written next must be newer than what is stored, also when the time of day was set back meanwhile.
      for (const { conversationId, at } of newest.values()) {
        const key = `${userId} ${conversationId}`;
        clocks.set(key, Math.max(clocks.get(key) ?? 0, at));
      }
      for (const { userId: whose, ...draft } of unwritten) {
        if (whose === userId && draft.at > (newest.get(draft.conversationId)?.at ?? 0)) {
          newest.set(draft.conversationId, draft);
        }
      }
      return [...newest.values()].toSorted((a, b) => b.at - a.at);
    },

    /** Writes what waits. */
    async [Symbol.asyncDispose](): Promise<void> {
      closed = true;
      hurry();
      await last;
    },
  };
};

export type Drafts = ReturnType<typeof createDrafts>;
