import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { attentive } from '../attention.ts';
import { type Conversation, load } from '../conversation.ts';
import { indexOf } from '../../client/fold.ts';
import { nameOf } from '../people.ts';
import { pending } from '../pending.ts';
import { type Row, rowsOf, sameRow } from '../rows.ts';
import { useScrolling } from '../scrolling.ts';
import { me, see, summaries } from '../store.ts';
import { dayOf } from '../time.ts';
import type { Seq } from '../../client/types.ts';
import { Icon } from './icon.tsx';
import { type Active, MessageRow } from './message-row.tsx';
import { Notices } from './notices.tsx';

export function Timeline({ conversation }: { conversation: Conversation }) {
  const box = useRef<HTMLDivElement>(null);
  const away = useSignal(false);
  const shown = useRows(conversation);
  const scrolled = useScrolling(box, conversation);
  const onScroll = () => {
    scrolled();
    away.value = conversation.anchor !== 'end';
    see(conversation);
  };
  useSignalEffect(() => {
    if (attentive.value && summaries.value && conversation.timeline.value) see(conversation);
  });
  const toEnd = () => {
    conversation.anchor = 'end';
    away.value = false;
    see(conversation);
    if (conversation.timeline.peek()?.after !== undefined) void load(conversation);
    else if (box.current) box.current.scrollTop = box.current.scrollHeight;
    document.getElementById('composer')?.focus();
  };
  return (
    <div class="timeline-frame">
      <div
        class="timeline scrolls"
        ref={box}
        role="log"
        aria-label="Messages"
        aria-live="off"
        aria-busy={conversation.loading.value !== undefined}
        onScroll={onScroll}
        onKeyDown={moveFocus}
      >
        <div class="rows">
          <Top conversation={conversation} />
          {shown}
        </div>
      </div>
      {away.value && (
        <button type="button" class="to-end" onClick={toEnd}>
          <Icon name="down" /> Latest messages
        </button>
      )}
      <Announcer conversation={conversation} />
    </div>
  );
}

type Shown = { readonly row: Row; readonly view: VNode };

/** The rows' views. One whose row looks the same is the same one, so that a new message costs its own row only. */
const useRows = (conversation: Conversation): VNode[] => {
  const timeline = conversation.timeline.value;
  const waiting = useComputed(() =>
    pending.value.filter(({ conversationId }) => conversationId === conversation.id),
  ).value;
  const active = useActive(conversation);
  const before = useRef<ReadonlyMap<string, Shown>>(new Map());
  return useMemo(() => {
    const rows = rowsOf(timeline?.items ?? [], timeline?.after === undefined ? waiting : []);
    const shown = rows.map((row): [string, Shown] => {
      const known = before.current.get(row.key);
      if (known && sameRow(known.row, row)) return [row.key, known];
      const view = <RowView key={row.key} row={row} conversation={conversation} active={active} />;
      return [row.key, { row, view }];
    });
    before.current = new Map(shown);
    return shown.map(([, { view }]) => view);
  }, [timeline, waiting]);
};

const useActive = ({ timeline }: Conversation): Active => {
  const focused = useSignal<Seq | undefined>(undefined);
  const shown = useSignal<Seq | undefined>(undefined);
  const stop = useComputed(() => {
    const items = timeline.value?.items ?? [];
    if (focused.value !== undefined && indexOf(items, focused.value) >= 0) return focused.value;
    return items.findLast(({ kind }) => kind === 'message')?.seq;
  });
  return useMemo(() => ({ focused, shown, stop }), []);
};

type RowProps = { readonly row: Row; readonly conversation: Conversation; readonly active: Active };

function RowView({ row, conversation, active }: RowProps) {
  switch (row.kind) {
    case 'day':
      return (
        <h3 class="day">
          <span>{dayOf(row.at)}</span>
        </h3>
      );
    case 'notices':
      return <Notices row={row} conversation={conversation} />;
    case 'message':
    case 'pending':
      return <MessageRow row={row} conversation={conversation} active={active} />;
  }
}

function Top({ conversation }: { conversation: Conversation }) {
  const { failed, loading, timeline } = conversation;
  if (failed.value !== undefined) {
    const again = () => {
      failed.value = undefined;
      void load(conversation);
    };
    return (
      <p class="edge">
        {failed.value}{' '}
        <button type="button" class="link" onClick={again}>
          Try again
        </button>
      </p>
    );
  }
  if (timeline.value === undefined || loading.value === 'older') return <p class="edge">Loading…</p>;
  return timeline.value.before === undefined ? (
    <p class="edge">The conversation begins here.</p>
  ) : (
    <p class="edge">…</p>
  );
}

/** Arrow keys go from message to message; Tab goes on to what can be done with one. */
const moveFocus = (event: KeyboardEvent): void => {
  const { currentTarget, target, key } = event;
  if (
    !(currentTarget instanceof HTMLElement) ||
    !(target instanceof HTMLElement) ||
    !target.matches('article')
  )
    return;
  const all = [...currentTarget.querySelectorAll<HTMLElement>('article')];
  const at = all.indexOf(target);
  const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: all.length - 1 }[key];
  if (to === undefined) return;
  event.preventDefault();
  all[to]?.focus();
};

/** Reads new messages of others out, and nothing of the history. */
function Announcer({ conversation }: { conversation: Conversation }) {
  const said = useSignal('');
  const from = useRef<Seq | undefined>(undefined);
  const timeline = conversation.timeline.value;
  useEffect(() => {
    const since = from.current;
    from.current = timeline?.lastSeq;
    if (!timeline || since === undefined) return;
    const fresh = timeline.items.findLast((item) => item.seq > since);
    if (fresh?.kind !== 'message' || fresh.by === me.peek() || !fresh.content) return;
    said.value = `${nameOf(fresh.by)}: ${fresh.content.text}`;
  }, [timeline]);
  return (
    <div class="hidden" aria-live="polite">
      {said.value}
    </div>
  );
}
