import { useSignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { contentOf, perform, sendMessage } from '../actions.ts';
import type { Conversation } from '../conversation.ts';
import { client } from '../client.ts';
import { type Draft, draftOf, emptyDraft, write as writeDraft } from '../draft.ts';
import { nameOf, usernameOf } from '../people.ts';
import { quoted, summaryOf } from '../quotes.ts';
import { me } from '../store.ts';
import { mentionsIn } from '../text.ts';
import { toast } from '../toast.ts';
import type { UserId } from '../../client/types.ts';
import { Icon, IconButton } from './icon.tsx';
import { MentionPicker, candidatesFor } from './mention-picker.tsx';
import { editable } from './message-actions.tsx';

const MOST_BYTES = 64 * 1024;
const MOST_MENTIONS = 100;

type Props = { readonly conversation: Conversation; readonly placeholder: string };

/** Enter sends, Shift+Enter starts a line, ArrowUp in an empty one edits one's last message. */
export function Composer({ conversation, placeholder }: Props) {
  const field = useRef<HTMLTextAreaElement>(null);
  const caret = useRef<number | undefined>(undefined);
  const draft = draftOf(conversation.id);
  const query = useSignal<string | undefined>(undefined);
  const choice = useSignal(0);
  const { text, editing, replyTo } = draft.value;
  const about = editing?.seq ?? replyTo;
  const original = about === undefined ? undefined : (quoted(conversation, about) ?? editing);
  const people = query.value === undefined ? [] : candidatesFor(conversation, query.value);
  const chosen = people[Math.min(choice.value, people.length - 1)];

  useLayoutEffect(() => {
    const { current } = field;
    if (!current) return;
    current.style.height = 'auto';
    current.style.height = `${current.scrollHeight}px`;
    if (caret.current !== undefined) current.setSelectionRange(caret.current, caret.current);
    caret.current = undefined;
  }, [text]);

  const write = (next: Draft) => {
    writeDraft(conversation.id, next);
    query.value = undefined;
  };
  const onInput = (event: InputEvent) => {
    if (!(event.currentTarget instanceof HTMLTextAreaElement)) return;
    const { value, selectionStart } = event.currentTarget;
    writeDraft(conversation.id, { ...draft.value, text: value });
    if (!editing) client.peek()?.typing(conversation.id, value.trim() !== '');
    query.value = /(?:^|[\s(])@([^\s@]*)$/u.exec(value.slice(0, selectionStart))?.[1];
    choice.value = 0;
  };
  const mention = (userId: UserId) => {
    const { current } = field;
    if (!current) return;
    const start = current.selectionStart - (query.value?.length ?? 0);
    const before = `${text.slice(0, start)}${usernameOf(userId)} `;
    write({ ...draft.value, text: before + text.slice(current.selectionStart) });
    current.focus();
    caret.current = before.length;
  };
  const send = () => {
    const said = text.trim();
    if (said === '') return;
    if (new TextEncoder().encode(said).length > MOST_BYTES) return toast('This message is too long.');
    const mentions = mentionsOf(conversation, said);
    if (!editing) sendMessage(conversation, { text: said, replyTo, mentions });
    else void edit(conversation, { text: said, editing }, mentions);
    write(emptyDraft);
    field.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    const { key } = event;
    const step = { ArrowDown: 1, ArrowUp: -1 }[key];
    if (chosen !== undefined && step !== undefined) {
      choice.value = (people.indexOf(chosen) + step + people.length) % people.length;
    } else if (chosen !== undefined && (key === 'Enter' || key === 'Tab')) mention(chosen);
    else if (key === 'Escape' && query.value !== undefined) query.value = undefined;
    else if (key === 'Escape' && about !== undefined) write(editing ? emptyDraft : { text });
    else if (key === 'Enter' && !event.shiftKey) send();
    else if (key === 'ArrowUp' && text === '' && !editing) editLast(conversation, write);
    else return;
    event.preventDefault();
  };
  return (
    <div class="composer">
      <MentionPicker people={people} chosen={chosen} onChoose={mention} />
      {about !== undefined && (
        <p class="context">
          <span class="one-line grow">
            <strong>
              {editing ? 'Edit your message' : `Reply to ${original ? nameOf(original.by) : '…'}`}
            </strong>{' '}
            <span class="muted">{summaryOf(original)}</span>
          </span>
          <IconButton icon="close" label="Cancel" onClick={() => write(editing ? emptyDraft : { text })} />
        </p>
      )}
      <div class="field">
        <textarea
          id="composer"
          ref={field}
          rows={1}
          dir="auto"
          value={text}
          placeholder={placeholder}
          aria-label={placeholder}
          aria-autocomplete="list"
          aria-controls={chosen === undefined ? undefined : 'mentions'}
          aria-activedescendant={chosen === undefined ? undefined : `mention-${chosen}`}
          enterkeyhint="send"
          onInput={onInput}
          onKeyDown={onKeyDown}
          onBlur={() => (query.value = undefined)}
        />
        <button
          type="button"
          class="send"
          aria-label="Send"
          title="Send"
          disabled={text.trim() === ''}
          onClick={send}
        >
          <Icon name={editing ? 'check' : 'send'} />
        </button>
      </div>
    </div>
  );
}

const edit = async (
  conversation: Conversation,
  { text, editing }: Draft,
  mentions: UserId[],
): Promise<void> => {
  if (!editing) return;
  const { id: conversationId } = conversation;
  const content = contentOf(text);
  const done = await perform({ type: 'EditMessage', conversationId, seq: editing.seq, content, mentions });
  const draft = draftOf(conversationId);
  if (!done && draft.peek() === emptyDraft) writeDraft(conversationId, { text, editing });
};

const editLast = ({ timeline }: Conversation, write: (draft: Draft) => void): void => {
  const last = timeline
    .peek()
    ?.items.findLast((item) => item.kind === 'message' && item.by === me.peek() && item.content);
  if (last?.kind === 'message' && last.content) write({ text: editable(last.content), editing: last });
};

/** The members whose usernames stand after an `@`. */
const mentionsOf = ({ detail }: Conversation, text: string): UserId[] => {
  if (!text.includes('@')) return [];
  const members = detail.peek()?.members ?? [];
  const people = members.map(({ userId }) => ({ userId, name: usernameOf(userId) ?? '' }));
  const found = mentionsIn(
    text,
    people.filter(({ name }) => name !== ''),
  );
  return [...new Set(found.map(({ userId }) => userId))].slice(0, MOST_MENTIONS);
};
