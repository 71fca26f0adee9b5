import { batch, computed, signal } from '@preact/signals';
import type { ConversationSummary, Mark, SequencedEvent, ServerFrame } from '../protocol.ts';
import {
  type Conversation,
  catchUp,
  createConversation,
  expectSeq,
  load,
  loadDetail,
  loadReceipts,
  receive,
} from './conversation.ts';
import { attentive } from './attention.ts';
import { client } from './client.ts';
import { confirm, pending } from './pending.ts';
import { go, route } from './route.ts';
import { api, session } from './session.ts';
import { ApiError } from '../client/api.ts';
import { noReceipts, foldReceipts } from '../client/receipts.ts';
import { foldMarked, foldSummary } from '../client/summary.ts';
import { toast } from './toast.ts';
import type { ConversationId, Seq } from '../client/types.ts';

export const me = computed(() => session.value?.user.userId ?? '');

/** undefined until the list was read. */
export const summaries = signal<ReadonlyMap<ConversationId, ConversationSummary> | undefined>(undefined);

export const list = computed(() =>
  [...(summaries.value?.values() ?? [])].toSorted((a, b) => b.lastActivityAt - a.lastActivityAt),
);

/** The one that is open, and the direct ones at the top of the list: their people's presence is shown. */
const WATCHED = 60;
export const shownConversations = computed((): readonly ConversationId[] => {
  const direct = list.value.filter(({ kind }) => kind === 'direct').slice(0, WATCHED);
  const open = route.value === undefined ? [] : [route.value];
  return [...open, ...direct.map(({ conversationId }) => conversationId)];
});

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
  if (conversation.receipts.peek() === noReceipts) void loadReceipts(conversation);
};

/** Events that came while the list was on its way, which may be older. */
let meanwhile: { id: ConversationId; events: readonly SequencedEvent[] }[] | undefined;

/** Up to where one has read, of whichever device; views may be older. */
const reads = new Map<ConversationId, Seq>();

const FIRST_WAIT = 2_000;
const MOST_WAIT = 30_000;

const loadList = async (): Promise<void> => {
  const came: typeof meanwhile = [];
  meanwhile = came;
  for (let wait = FIRST_WAIT; meanwhile === came; wait = Math.min(MOST_WAIT, wait * 2)) {
    try {
      const { conversations } = await api.conversations();
      // Unless another one is on its way, or nobody is signed in any more.
      if (meanwhile !== came) return;
      meanwhile = undefined;
      batch(() => showList(conversations, came));
    } catch (error) {
      if (meanwhile !== came) return;
      toast(error);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
};

const showList = (conversations: readonly ConversationSummary[], came: NonNullable<typeof meanwhile>) => {
  const before = summaries.peek();
  summaries.value = new Map(conversations.map((summary) => [summary.conversationId, summary]));
  for (const [id, read] of reads) noteRead(id, read);
  for (const { id, events } of came) summarise(id, events);
  for (const summary of conversations) expectShown(summary);
  // Of what one was removed from while nobody listened.
  for (const [id, { title }] of before ?? []) if (!summaries.peek()?.has(id)) forget(id, title);
};

/** What is open of a conversation must not be older than its entry in the list. */
const expectShown = ({ conversationId, lastSeq }: ConversationSummary) => {
  const conversation = opened.get(conversationId);
  if (conversation) expectSeq(conversation, lastSeq);
};

/** A new start: everything that is shown is read again. */
export const resume = async (): Promise<void> => {
  for (const conversation of opened.values()) void loadReceipts(conversation);
  await Promise.all([
    loadList(),
    ...[...opened.values()].map((conversation) =>
      Promise.all([
        conversation.timeline.peek() ? catchUp(conversation) : (conversation.busy ?? load(conversation)),
        conversation.detail.peek() ? undefined : loadDetail(conversation),
      ]),
    ),
  ]);
};

/** More was missed than comes as events: what is shown of the conversation is read. */
export const onMissed = (id: ConversationId, _after: number, lastSeq: Seq): 'skip' => {
  void readSummary(id, lastSeq);
  const conversation = opened.get(id);
  if (conversation) expectSeq(conversation, lastSeq);
  return 'skip';
};

/** What was missed of it can't be read: it is gone, or one will see. */
export const onLost = (id: ConversationId): void => void readSummary(id, 0);

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
    if (next === 'read it') return void readSummary(id, events.at(-1)?.seq ?? 0);
    if (!next) return forget(id, summary.title);
    summary = next;
  }
  if (summary !== known.get(id)) summaries.value = new Map(known).set(id, summary);
};

export const onReceipts = (frame: Extract<ServerFrame, { type: 'receipts' }>): void => {
  const receipts = opened.get(frame.conversationId)?.receipts;
  if (receipts) receipts.value = foldReceipts(receipts.peek(), frame);
};

export const onMarked = ({
  conversationId,
  read,
}: Omit<Mark, 'userId'> & { conversationId: ConversationId }): void => {
  if (read !== undefined) noteRead(conversationId, read);
};

/** One has read up to there. */
const noteRead = (id: ConversationId, seq: Seq): void => {
  const read = Math.max(seq, reads.get(id) ?? -1);
  reads.set(id, read);
  const known = summaries.peek();
  const summary = known?.get(id);
  if (!known || !summary) return;
  const next = foldMarked(summary, read);
  if (next === 'read it') void readSummary(id, summary.lastSeq);
  else if (next !== summary) summaries.value = new Map(known).set(id, next);
};

/** Whoever looks at the end of a conversation has read it. */
export const see = (conversation: Conversation): void => {
  const timeline = conversation.timeline.peek();
  const summary = summaries.peek()?.get(conversation.id);
  if (
    !attentive.peek() ||
    !summary ||
    !timeline ||
    timeline.after !== undefined ||
    conversation.anchor !== 'end'
  )
    return;
  const messages = timeline.items.filter(({ kind }) => kind === 'message');
  const newest = messages.findLast(({ by }) => by !== me.peek());
  const last = messages.at(-1);
  const read = Math.max(reads.get(conversation.id) ?? -1, summary.read ?? -1);
  if (!newest || !last || newest.seq <= read) return;
  client.peek()?.markRead(conversation.id, last.seq);
  noteRead(conversation.id, last.seq);
};

/** Summaries on their way, with the event that each is to hold. */
const reading = new Map<ConversationId, Seq>();
/** A view that does not know yet what was read is asked again so often, after so long. */
const BEHIND = { tries: 5, wait: 200 };

const readSummary = async (id: ConversationId, seq: Seq) => {
  const before = reading.get(id);
  reading.set(id, Math.max(before ?? 0, seq));
  if (before !== undefined) return;
  const person = me.peek();
  try {
    for (let left = BEHIND.tries, lastSeq = -1; lastSeq < (reading.get(id) ?? -1); ) {
      const detail = await api.conversation(id, reading.get(id));
      if (me.peek() !== person) return;
      const { members: _members, pins: _pins, ...summary } = detail;
      const next = foldMarked(summary, reads.get(id));
      if (next === 'read it' && left > 0) {
        left -= 1;
        await new Promise((resolve) => setTimeout(resolve, BEHIND.wait));
        continue;
      }
      putSummary(next === 'read it' ? summary : next);
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
  if (!known || (mine && mine.lastSeq > summary.lastSeq)) return;
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
  reads.clear();
  batch(() => {
    summaries.value = undefined;
    opened.clear();
    pending.value = [];
  });
};
