import type { ClientFrame, ServerFrame } from '../protocol.ts';
import type { Clock } from './clock.ts';
import type { Kept } from './key-value.ts';
import type { Times } from './times.ts';
import type { ConversationId, Seq } from './types.ts';

type Progress = { delivered: number; read: number };
type Wanted = Progress & { said: number };
type Deps = {
  readonly kept: Kept;
  readonly clock: Clock;
  readonly times: Times;
  readonly send: (frame: ClientFrame) => boolean;
};

const KEY = 'mark.';
/** Frames at once; the others go a little later. */
const MOST = 50;
/** One that does not come back was refused, maybe: on the next connection it is said again. */
const TRIES = 5;

/** How far one has come, gathered, and said until it comes back. Never backwards. */
export const createMarks = ({ kept, clock, times, send }: Deps) => {
  const noted = new Map<ConversationId, Progress>();
  const wanted = new Map<ConversationId, Wanted>();
  const due = new Set<ConversationId>();
  let cancel: (() => void) | undefined;
  let cancelAgain: (() => void) | undefined;

  for (const key of kept.keys()) {
    if (!key.startsWith(KEY)) continue;
    const [delivered = -1, read = -1] = (kept.get(key) ?? '').split(' ').map(Number);
    wanted.set(key.slice(KEY.length), { delivered, read, said: 0 });
  }

  const notedOf = (id: ConversationId): Progress => noted.get(id) ?? { delivered: -1, read: -1 };

  const say = (id: ConversationId, mark: Wanted): boolean => {
    const { delivered, read } = notedOf(id);
    return send({
      type: 'mark',
      conversationId: id,
      ...(mark.delivered > delivered && { delivered: mark.delivered }),
      ...(mark.read > read && { read: mark.read }),
    });
  };

  const flush = () => {
    cancel = undefined;
    let left = MOST;
    for (const id of due) {
      if (left === 0) return later();
      const mark = wanted.get(id);
      if (mark) {
        left -= 1;
        kept.set(KEY + id, `${mark.delivered} ${mark.read}`);
        // Without a connection it stays wanted, and is said on the next one.
        if (say(id, mark)) mark.said += 1;
      }
      due.delete(id);
    }
    cancelAgain ??= clock.after(times.marksAgain, again);
  };

  const later = () => {
    cancel ??= clock.after(times.marks, flush);
  };

  const again = () => {
    cancelAgain = undefined;
    for (const [id, { said }] of wanted) if (said > 0 && said < TRIES) due.add(id);
    if (due.size > 0) later();
  };

  const want = (id: ConversationId, what: keyof Progress, seq: Seq) => {
    if (seq <= notedOf(id)[what]) return;
    const mark = wanted.get(id) ?? { ...notedOf(id), said: 0 };
    if (seq <= mark[what]) return;
    mark[what] = seq;
    mark.said = 0;
    wanted.set(id, mark);
    due.add(id);
    later();
  };

  return {
    delivered: (id: ConversationId, seq: Seq) => want(id, 'delivered', seq),
    read: (id: ConversationId, seq: Seq) => want(id, 'read', seq),
    marked: ({ conversationId, delivered, read }: Extract<ServerFrame, { type: 'marked' }>): void => {
      const before = notedOf(conversationId);
      const now = {
        delivered: Math.max(before.delivered, delivered ?? -1, read ?? -1),
        read: Math.max(before.read, read ?? -1),
      };
      noted.set(conversationId, now);
      const mark = wanted.get(conversationId);
      if (!mark || mark.delivered > now.delivered || mark.read > now.read) return;
      wanted.delete(conversationId);
      due.delete(conversationId);
      kept.delete(KEY + conversationId);
    },
    resume: (): void => {
      for (const [id, mark] of wanted) {
        mark.said = 0;
        due.add(id);
      }
      if (due.size > 0) later();
    },
    close: (): void => {
      cancel?.();
      cancelAgain?.();
      for (const id of due) {
        const mark = wanted.get(id);
        if (mark) kept.set(KEY + id, `${mark.delivered} ${mark.read}`);
      }
    },
  };
};
