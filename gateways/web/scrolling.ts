import { useSignalEffect } from '@preact/signals';
import type { RefObject } from 'preact';
import { useEffect, useLayoutEffect } from 'preact/hooks';
import { type Conversation, loadMore } from './conversation.ts';
import type { Seq } from '../client/types.ts';

/** How near to an edge (in px) more is read. */
const NEAR = 900;
const AT_END = 40;

const rowOf = (box: HTMLElement, seq: Seq) => box.querySelector<HTMLElement>(`[data-seq="${seq}"]`);

/** What is in sight, so that it can stay there whatever is put above or below. */
const remember = (box: HTMLElement, conversation: Conversation): void => {
  const { scrollTop, clientHeight, scrollHeight } = box;
  const newest = conversation.timeline.peek()?.after === undefined;
  if (newest && scrollHeight - scrollTop - clientHeight < AT_END) {
    conversation.anchor = 'end';
    return;
  }
  const seen: { seq: Seq; top: number }[] = [];
  for (const row of box.querySelectorAll<HTMLElement>('[data-seq]')) {
    const top = row.offsetTop - scrollTop;
    if (top + row.offsetHeight < 0) continue;
    if (top > clientHeight) break;
    seen.push({ seq: Number(row.dataset['seq']), top });
  }
  conversation.anchor = seen;
};

const restore = (box: HTMLElement, { anchor }: Conversation): void => {
  if (anchor === 'end') {
    box.scrollTop = box.scrollHeight;
    return;
  }
  for (const { seq, top } of anchor) {
    const row = rowOf(box, seq);
    if (!row) continue;
    const moved = row.offsetTop - box.scrollTop - top;
    if (moved !== 0) box.scrollTop += moved;
    return;
  }
};

const readMore = (
  { scrollTop, clientHeight, scrollHeight }: HTMLElement,
  conversation: Conversation,
): void => {
  const { timeline, loading, failed } = conversation;
  const now = timeline.peek();
  if (!now || loading.peek() || failed.peek() !== undefined) return;
  if (now.before !== undefined && scrollTop < NEAR) void loadMore(conversation, 'older');
  else if (now.after !== undefined && scrollHeight - scrollTop - clientHeight < NEAR) {
    void loadMore(conversation, 'newer');
  }
};

const bring = (box: HTMLElement, seq: Seq): void => {
  const row = rowOf(box, seq);
  if (!row) return;
  box.scrollTop = row.offsetTop - Math.max(60, (box.clientHeight - row.offsetHeight) / 2);
  row.focus({ preventScroll: true });
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const accent = getComputedStyle(row).getPropertyValue('--flash');
  row.animate([{ backgroundColor: accent }, {}], { duration: still ? 0 : 1_600, easing: 'ease-in' });
};

/** Keeps what is in sight in its place, stays at the end when it is there, and reads more near the edges. */
export const useScrolling = (
  ref: RefObject<HTMLElement | null>,
  conversation: Conversation,
): (() => void) => {
  const settle = () => {
    const box = ref.current;
    if (!box) return;
    restore(box, conversation);
    readMore(box, conversation);
  };
  useLayoutEffect(settle);
  useEffect(() => {
    const box = ref.current;
    if (!box) return undefined;
    const observer = new ResizeObserver(() => restore(box, conversation));
    observer.observe(box);
    if (box.firstElementChild) observer.observe(box.firstElementChild);
    return () => observer.disconnect();
  }, [conversation]);
  useSignalEffect(() => {
    const target = conversation.target.value;
    const box = ref.current;
    if (!target || !box) return;
    requestAnimationFrame(() => {
      conversation.target.value = undefined;
      bring(box, target.seq);
      remember(box, conversation);
    });
  });
  return () => {
    const box = ref.current;
    if (!box) return;
    remember(box, conversation);
    readMore(box, conversation);
  };
};
