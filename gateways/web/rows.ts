import type { Message, TimelineItem } from '../protocol.ts';
import type { Pending } from './pending.ts';
import { dayKey } from './time.ts';
import type { Seq } from '../client/types.ts';

type Notice = Extract<TimelineItem, { kind: 'notice' }>;

/** What a timeline shows, one below the other. `head`: with name and picture; else it goes on from the one above. */
export type Row =
  | { readonly kind: 'day'; readonly key: string; readonly at: number }
  | { readonly kind: 'message'; readonly key: string; readonly message: Message; readonly head: boolean }
  | {
      readonly kind: 'pending';
      readonly key: string;
      readonly message: Message;
      readonly head: boolean;
      readonly failed: string | undefined;
    }
  | {
      readonly kind: 'notices';
      readonly key: string;
      readonly seq: Seq;
      readonly notices: readonly Notice[];
    };

const TOGETHER = 5 * 60_000;

/** Of the messages that follow each other, those of one person within five minutes belong together. */
export const rowsOf = (items: readonly TimelineItem[], pending: readonly Pending[]): Row[] => {
  const rows: Row[] = [];
  let day = '';
  let last: Message | undefined;
  const startDay = (at: number) => {
    const today = dayKey(at);
    if (today === day) return;
    day = today;
    last = undefined;
    rows.push({ kind: 'day', key: `day ${today} ${rows.length === 0 ? '' : at}`, at });
  };
  const isHead = (message: Message) => {
    const goesOn =
      last?.by === message.by &&
      message.at - last.at < TOGETHER &&
      message.replyTo === undefined &&
      isSaid(message);
    last = isSaid(message) ? message : undefined;
    return !goesOn;
  };
  for (const item of items) {
    startDay(item.at);
    if (item.kind === 'message') {
      rows.push({ kind: 'message', key: `${item.by}/${item.clientId}`, message: item, head: isHead(item) });
      continue;
    }
    last = undefined;
    const above = rows.at(-1);
    if (above?.kind === 'notices') rows[rows.length - 1] = { ...above, notices: [...above.notices, item] };
    else rows.push({ kind: 'notices', key: `notice ${item.seq}`, seq: item.seq, notices: [item] });
  }
  const seq = Number.MAX_SAFE_INTEGER;
  for (const { by, at, clientId, content, mentions, replyTo, failed } of pending) {
    const reply = replyTo === undefined ? {} : { replyTo };
    const message: Message = {
      kind: 'message',
      seq,
      by,
      at,
      clientId,
      content,
      ...reply,
      mentions,
      reactions: [],
    };
    startDay(at);
    rows.push({ kind: 'pending', key: `${by}/${clientId}`, message, head: isHead(message), failed });
  }
  return rows;
};

/** Whether two rows of one key look the same. */
export const sameRow = (a: Row, b: Row): boolean => {
  switch (a.kind) {
    case 'day':
      return b.kind === 'day' && a.at === b.at;
    case 'message':
      return b.kind === 'message' && a.message === b.message && a.head === b.head;
    case 'notices':
      return b.kind === 'notices' && a.notices.length === b.notices.length && a.seq === b.seq;
    case 'pending':
      return false;
  }
};

const isSaid = ({ content }: Message) => content?.kind !== 'action';
