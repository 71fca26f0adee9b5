import { batch, computed, signal } from '@preact/signals';
import type { ConversationSummary, SequencedEvent } from '../protocol.ts';
import { ApiError, api } from './api.ts';
import {
  type Conversation,
  catchUp,
  createConversation,
  expectSeq,
  load,
  loadDetail,
  receive,
} from './conversation.ts';
import { confirm, pending } from './pending.ts';
import { go, route } from './route.ts';
import { session } from './session.ts';
import type { Status } from './socket.ts';
import { foldSummary } from './summary.ts';
import { toast } from './toast.ts';
import type { ConversationId, Seq } from './types.ts';

export const me = computed(() => session.value?.user.userId ?? '');
export const status = signal<Status>('connecting');

/** undefined until the list was read. */
export const summaries = signal<ReadonlyMap<ConversationId, ConversationSummary> | undefined>(undefined);

export const list = computed(() =>
  [...(summaries.value?.values() ?? [])].toSorted((a, b) => b.lastActivityAt - a.lastActivityAt),
);

/** Whether you may take away what others said, and lift bans. */
export const mayModerate = (id: ConversationId): boolean => {
  const summary = summaries.value?.get(id);
  return summary?.kind === 'group' && summary.role !== 'member';
};

/** Timelines of this many conversations stay at hand. */
const KEPT = 8;
const opened = new Map<ConversationId, Conversation>();

export const conversationOf = (id: ConversationId): Conversation => {
  const found = opened.get(id) ?? createConversation(id, summaries.peek()?.get(id)?.lastSeq);
  opened.delete(id);
  opened.set(id, found);
  for (const oldest of opened.keys()) {
    if (opened.size <= KEPT) break;
    opened.delete(oldest);
  }
  return found;
};

/** Reads what is shown of a conversation, unless it is here already. */
export const open = (id: ConversationId): void => {
  const conversation = conversationOf(id);
  if (!conversation.timeline.peek()) void load(conversation);
  if (!conversation.detail.peek()) void loadDetail(conversation);
};

/** Events that came while the list was on its way, which may be older. */
let meanwhile: { id: ConversationId; events: readonly SequencedEvent[] }[] | undefined;

const loadList = async (): Promise<void> => {
  const came: typeof meanwhile = [];
  meanwhile = came;
  try {
    const { conversations } = await api.conversations();
    // Unless another one is on its way, or nobody is signed in any more.
    if (meanwhile !== came) return;
    batch(() => {
      summaries.value = new Map(conversations.map((summary) => [summary.conversationId, summary]));
      for (const { id, events } of came) summarise(id, events);
      for (const summary of conversations) expectShown(summary);
    });
  } finally {
    if (meanwhile === came) meanwhile = undefined;
  }
};

/** What is open of a conversation must not be older than its entry in the list. */
const expectShown = ({ conversationId, lastSeq }: ConversationSummary) => {
  const conversation = opened.get(conversationId);
  if (conversation) expectSeq(conversation, lastSeq);
};

/** After every (re)connection: what happened meanwhile. */
export const resume = async (): Promise<void> => {
  await Promise.all([
    loadList().catch((error: unknown) => toast(error)),
    ...[...opened.values()].map((conversation) =>
      Promise.all([
        conversation.timeline.peek() ? catchUp(conversation) : (conversation.busy ?? load(conversation)),
        conversation.detail.peek() ? undefined : loadDetail(conversation),
      ]),
    ),
  ]);
};

/** Live events of one conversation. */
export const onEvents = (id: ConversationId, events: readonly SequencedEvent[]): void => {
  meanwhile?.push({ id, events });
  batch(() => {
    summarise(id, events);
    const conversation = opened.get(id);
    if (conversation) receive(conversation, events);
    confirm(events);
  });
};

const summarise = (id: ConversationId, events: readonly SequencedEvent[]) => {
  const known = summaries.peek();
  if (!known) return;
  let summary = known.get(id);
  if (!summary) return void readSummary(id, events.at(-1)?.seq ?? 0);
  for (const entry of events) {
    const next = foldSummary(summary, entry, me.peek());
    if (next === 'gap') return void readSummary(id, events.at(-1)?.seq ?? 0);
    if (!next) return forget(id, summary.title);
    summary = next;
  }
  if (summary !== known.get(id)) summaries.value = new Map(known).set(id, summary);
};

/** Summaries on their way, with the event that each is to hold. */
const reading = new Map<ConversationId, Seq>();

const readSummary = async (id: ConversationId, seq: Seq) => {
  const before = reading.get(id);
  reading.set(id, Math.max(before ?? 0, seq));
  if (before !== undefined) return;
  const person = me.peek();
  try {
    for (let lastSeq = -1; lastSeq < (reading.get(id) ?? -1); ) {
      const detail = await api.conversation(id, reading.get(id));
      if (me.peek() !== person) return;
      const { members: _members, pins: _pins, ...summary } = detail;
      putSummary(summary);
      ({ lastSeq } = summary);
    }
  } catch (error) {
    const known = summaries.peek()?.get(id);
    const gone = error instanceof ApiError && error.status === 404 && me.peek() === person;
    if (gone && known) forget(id, known.title);
  } finally {
    reading.delete(id);
  }
};

const putSummary = (summary: ConversationSummary) => {
  const known = summaries.peek();
  const mine = known?.get(summary.conversationId);
  if (!known || (mine && mine.lastSeq >= summary.lastSeq)) return;
  summaries.value = new Map(known).set(summary.conversationId, summary);
  expectShown(summary);
};

/** You are no longer in this conversation. */
const forget = (id: ConversationId, title: string | undefined) => {
  const rest = new Map(summaries.peek());
  rest.delete(id);
  summaries.value = rest;
  opened.delete(id);
  if (route.peek() !== id) return;
  go(undefined);
  toast(`You are no longer in ${title ?? 'this conversation'}.`);
};

/** Nothing of one person may be left for the next. */
export const clearStore = (): void => {
  meanwhile = undefined;
  reading.clear();
  batch(() => {
    summaries.value = undefined;
    opened.clear();
    pending.value = [];
  });
};
