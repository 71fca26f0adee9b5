import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { nameOf } from '../people.ts';
import { go } from '../route.ts';
import { status } from '../live.ts';
import { conversationOf, open, summaries } from '../store.ts';
import { otherOf, titleOf } from '../title.ts';
import type { ConversationId } from '../../client/types.ts';
import { Avatar, GroupAvatar } from './avatar.tsx';
import { Composer } from './composer.tsx';
import { Details } from './details.tsx';
import { IconButton } from './icon.tsx';
import { Timeline } from './timeline.tsx';

/** The details stay open from one conversation to the next while there is room for them. */
const wide = matchMedia('(min-width: 1100px)');
let keptOpen = false;

export function ConversationView({ id }: { id: ConversationId }) {
  const conversation = conversationOf(id);
  const summary = summaries.value?.get(id) ?? conversation.detail.value;
  const details = useSignal(keptOpen && wide.matches);
  const info = useRef<HTMLDivElement>(null);
  const show = (shown: boolean) => {
    details.value = shown;
    keptOpen = shown;
    if (!shown) info.current?.querySelector('button')?.focus();
  };
  useEffect(() => {
    open(id);
    if (matchMedia('(pointer: fine)').matches) document.getElementById('composer')?.focus();
  }, []);
  if (!summary) {
    return (
      <section class="conversation nothing" id="conversation" tabIndex={-1} aria-label="Conversation">
        <p>
          {conversation.failed.value ?? (status.value.state === 'offline' ? 'Not connected.' : 'Loading…')}
        </p>
        {conversation.failed.value && <a href="#/">Back to your conversations</a>}
      </section>
    );
  }
  const title = titleOf(summary);
  const other = otherOf(summary);
  return (
    <>
      <section class="conversation" id="conversation" tabIndex={-1} aria-label={`Conversation: ${title}`}>
        <header class="bar">
          <span class="narrow-only">
            <IconButton icon="back" label="Back to conversations" onClick={() => go(undefined)} />
          </span>
          {other === undefined ? <GroupAvatar id={id} title={title} /> : <Avatar userId={other} />}
          <div class="grow heading">
            <h2 class="one-line" dir="auto">
              {title}
            </h2>
            <p class="one-line muted" dir="auto">
              {summary.kind === 'direct'
                ? 'Direct conversation'
                : summary.topic || membersOf(conversation.detail.value)}
            </p>
          </div>
          <div ref={info}>
            <IconButton
              icon="info"
              label="Details"
              expanded={details.value}
              onClick={() => show(!details.value)}
            />
          </div>
        </header>
        <Timeline conversation={conversation} />
        <Composer
          conversation={conversation}
          placeholder={`Message ${other === undefined ? title : nameOf(other)}`}
        />
      </section>
      {details.value && <Details conversation={conversation} summary={summary} onClose={() => show(false)} />}
    </>
  );
}

const membersOf = (detail: { members: readonly unknown[] } | undefined) =>
  detail === undefined
    ? 'Group'
    : `${detail.members.length} ${detail.members.length === 1 ? 'member' : 'members'}`;
