import { useSignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { ConversationSummary, User } from '../../protocol.ts';
import { perform } from '../actions.ts';
import { type Conversation, jumpTo } from '../conversation.ts';
import { fieldOf } from '../form.ts';
import { nameOf } from '../people.ts';
import { quoted, summaryOf } from '../quotes.ts';
import { titleOf } from '../title.ts';
import { Confirm, Dialog } from './dialog.tsx';
import { Icon, IconButton } from './icon.tsx';
import { Members } from './members.tsx';
import { PeoplePicker } from './people-picker.tsx';

type Props = {
  readonly conversation: Conversation;
  readonly summary: ConversationSummary;
  readonly onClose: () => void;
};

export function Details({ conversation, summary, onClose }: Props) {
  const panel = useRef<HTMLElement>(null);
  useLayoutEffect(() => panel.current?.querySelector('button')?.focus(), []);
  const isGroup = summary.kind === 'group';
  const onKeyDown = (event: KeyboardEvent) => {
    const inDialog = event.target instanceof Element && event.target.closest('dialog');
    if (event.key === 'Escape' && !inDialog) onClose();
  };
  return (
    <section class="details scrolls" aria-label="Details" ref={panel} onKeyDown={onKeyDown}>
      <header class="bar">
        <h2 class="grow">Details</h2>
        <IconButton icon="close" label="Close details" onClick={onClose} />
      </header>
      {isGroup && <About summary={summary} />}
      <Pins conversation={conversation} onJump={onClose} />
      {isGroup && <Members conversation={conversation} summary={summary} />}
      {isGroup && <Buttons conversation={conversation} summary={summary} />}
    </section>
  );
}

function About({ summary }: { summary: ConversationSummary }) {
  const editing = useSignal(false);
  const { conversationId, topic = '' } = summary;
  const title = titleOf(summary);
  const save = async (event: SubmitEvent) => {
    event.preventDefault();
    if (!(event.currentTarget instanceof HTMLFormElement)) return;
    const nextTitle = fieldOf(event.currentTarget, 'title');
    const nextTopic = fieldOf(event.currentTarget, 'topic');
    let done = true;
    if (nextTitle !== title)
      done = await perform({ type: 'RenameConversation', conversationId, title: nextTitle });
    if (done && nextTopic !== topic)
      done = await perform({ type: 'SetTopic', conversationId, topic: nextTopic });
    editing.value = !done;
  };
  if (editing.value) {
    return (
      <form onSubmit={save}>
        <label>
          Name
          <input name="title" required maxLength={120} defaultValue={title} />
        </label>
        <label>
          Topic
          <textarea name="topic" maxLength={1000} rows={3} defaultValue={topic} />
        </label>
        <div class="buttons">
          <button type="button" onClick={() => (editing.value = false)}>
            Cancel
          </button>
          <button type="submit" class="primary">
            Save
          </button>
        </div>
      </form>
    );
  }
  return (
    <div class="about">
      <p class="about-title" dir="auto">
        {title}
      </p>
      <p class={topic === '' ? 'muted' : ''} dir="auto">
        {topic === '' ? 'No topic' : topic}
      </p>
      {summary.role !== 'member' && (
        <button type="button" onClick={() => (editing.value = true)}>
          Change name or topic
        </button>
      )}
    </div>
  );
}

function Pins({ conversation, onJump }: { conversation: Conversation; onJump: () => void }) {
  const pins = conversation.detail.value?.pins ?? [];
  const jump = (seq: number) => {
    if (!matchMedia('(min-width: 1100px)').matches) onJump();
    void jumpTo(conversation, seq);
  };
  return (
    <section aria-labelledby="pins">
      <h3 id="pins">Pinned messages</h3>
      {pins.length === 0 && <p class="muted">Nothing is pinned.</p>}
      <ul class="plain">
        {pins.toReversed().map((seq) => {
          const message = quoted(conversation, seq);
          return (
            <li key={seq} class="row">
              <button type="button" class="quote grow" onClick={() => jump(seq)}>
                {message && <strong dir="auto">{nameOf(message.by)}</strong>}{' '}
                <span dir="auto">{summaryOf(message)}</span>
              </button>
              <IconButton
                icon="close"
                label={`Unpin: ${summaryOf(message)}`}
                onClick={() => void perform({ type: 'UnpinMessage', conversationId: conversation.id, seq })}
              />
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function Buttons({ conversation, summary }: { conversation: Conversation; summary: ConversationSummary }) {
  const adding = useSignal(false);
  const leaving = useSignal(false);
  const chosen = useSignal<readonly User[]>([]);
  const { id: conversationId } = conversation;
  const choose = (user: User) => {
    const rest = chosen.value.filter(({ userId }) => userId !== user.userId);
    chosen.value = rest.length < chosen.value.length ? rest : [...rest, user];
  };
  const add = async () => {
    const userIds = chosen.value.map(({ userId }) => userId);
    if (!(await perform({ type: 'AddMembers', conversationId, userIds }))) return;
    adding.value = false;
    chosen.value = [];
  };
  return (
    <div class="buttons">
      <button type="button" class="with-icon" onClick={() => (adding.value = true)}>
        <Icon name="people" /> Add people
      </button>
      <button type="button" class="with-icon" onClick={() => (leaving.value = true)}>
        <Icon name="leave" /> Leave
      </button>
      {adding.value && (
        <Dialog title={`Add people to ${titleOf(summary)}`} onClose={() => (adding.value = false)}>
          <PeoplePicker
            without={new Set(conversation.detail.value?.members.map(({ userId }) => userId))}
            chosen={chosen.value}
            onChoose={choose}
          />
          <div class="buttons">
            <button type="button" class="primary" disabled={chosen.value.length === 0} onClick={add}>
              Add
            </button>
          </div>
        </Dialog>
      )}
      {leaving.value && (
        <Confirm
          title={`Leave ${titleOf(summary)}?`}
          text="You will no longer see this conversation. Its members can add you again."
          action="Leave"
          onConfirm={() => void perform({ type: 'LeaveConversation', conversationId })}
          onClose={() => (leaving.value = false)}
        />
      )}
    </div>
  );
}
