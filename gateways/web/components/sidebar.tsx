import { useSignal } from '@preact/signals';
import type { ConversationSummary } from '../../protocol.ts';
import { nameOf } from '../people.ts';
import { hrefOf, route } from '../route.ts';
import { session } from '../session.ts';
import { status } from '../live.ts';
import { list, me, summaries } from '../store.ts';
import { briefTimeOf } from '../time.ts';
import { otherOf, titleOf } from '../title.ts';
import { Account } from './account.tsx';
import { Avatar, GroupAvatar } from './avatar.tsx';
import { IconButton } from './icon.tsx';
import { NewConversation } from './new-conversation.tsx';

export function Sidebar() {
  const starting = useSignal(false);
  const account = useSignal(false);
  const user = session.value?.user;
  return (
    <nav class="sidebar" aria-label="Conversations">
      <header class="bar">
        <h2>Conversations</h2>
        <IconButton icon="add" label="New conversation" onClick={() => (starting.value = true)} />
      </header>
      <List />
      <footer class="bar">
        <button type="button" class="account" aria-haspopup="dialog" onClick={() => (account.value = true)}>
          {user && <Avatar userId={user.userId} small />}
          <span class="one-line" dir="auto">
            {user?.displayName}
          </span>
        </button>
        <Connection />
      </footer>
      {starting.value && <NewConversation onClose={() => (starting.value = false)} />}
      {account.value && <Account onClose={() => (account.value = false)} />}
    </nav>
  );
}

function List() {
  if (!summaries.value)
    return <p class="muted grow pad">{status.value.state === 'online' ? 'Loading…' : 'Connecting…'}</p>;
  if (list.value.length === 0) return <p class="muted grow pad">No conversations yet. Start one with +.</p>;
  return (
    <ul class="grow scrolls">
      {list.value.map((summary) => (
        <Entry key={summary.conversationId} summary={summary} />
      ))}
    </ul>
  );
}

function Entry({ summary }: { summary: ConversationSummary }) {
  const { conversationId, lastActivityAt } = summary;
  const title = titleOf(summary);
  const other = otherOf(summary);
  return (
    <li>
      <a
        class="entry"
        href={hrefOf(conversationId)}
        aria-current={route.value === conversationId ? 'page' : undefined}
      >
        {other === undefined ? <GroupAvatar id={conversationId} title={title} /> : <Avatar userId={other} />}
        <span class="entry-text">
          <span class="entry-top">
            <span class="entry-title one-line" dir="auto">
              {title}
            </span>
            <time dateTime={new Date(lastActivityAt).toISOString()}>{briefTimeOf(lastActivityAt)}</time>
          </span>
          <span class="one-line muted" dir="auto">
            {preview(summary)}
          </span>
        </span>
      </a>
    </li>
  );
}

const preview = ({ kind, lastMessage, topic }: ConversationSummary): string => {
  if (!lastMessage) return topic ?? 'No messages yet';
  const { by, content } = lastMessage;
  const who = by === me.value ? 'You' : nameOf(by);
  if (!content) return 'Message deleted';
  const text = content.text.slice(0, 200);
  if (content.kind === 'action') return `${who} ${text}`;
  return kind === 'direct' && by !== me.value ? text : `${who}: ${text}`;
};

const words = {
  online: 'Connected',
  connecting: 'Connecting…',
  offline: 'Not connected',
  closed: 'Not connected',
};

function Connection() {
  return (
    <span class={`connection ${status.value.state}`} role="status">
      {words[status.value.state]}
    </span>
  );
}
