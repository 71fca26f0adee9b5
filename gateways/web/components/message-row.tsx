import { type ReadonlySignal, type Signal, useComputed } from '@preact/signals';
import type { Message } from '../../protocol.ts';
import { discard, retry, toggleReaction } from '../actions.ts';
import { type Conversation, jumpTo } from '../conversation.ts';
import { nameOf } from '../people.ts';
import { quoted, summaryOf } from '../quotes.ts';
import type { Row } from '../rows.ts';
import { me } from '../store.ts';
import { fullTimeOf, timeOf } from '../time.ts';
import type { Seq } from '../../client/types.ts';
import { Avatar } from './avatar.tsx';
import { Icon } from './icon.tsx';
import { MessageActions } from './message-actions.tsx';
import { RichText } from './rich-text.tsx';

/** `stop`: the message that Tab goes to; `shown`: the one whose actions are in sight. */
export type Active = {
  readonly focused: Signal<Seq | undefined>;
  readonly shown: Signal<Seq | undefined>;
  readonly stop: ReadonlySignal<Seq | undefined>;
};

type Props = {
  readonly row: Extract<Row, { kind: 'message' | 'pending' }>;
  readonly conversation: Conversation;
  readonly active: Active;
};

export function MessageRow({ row, conversation, active }: Props) {
  const { message, head } = row;
  const { seq, by, at, content, mentions } = message;
  const sent = row.kind === 'message';
  const isStop = useComputed(() => active.stop.value === seq).value;
  const isShown = useComputed(() => active.shown.value === seq).value;
  const name = nameOf(by);
  // Another message may have shown its own meanwhile.
  const hide = () => {
    if (active.shown.peek() === seq) active.shown.value = undefined;
  };
  const leave = ({ relatedTarget, currentTarget }: FocusEvent) => {
    const inside = relatedTarget instanceof Node && currentTarget instanceof Node;
    if (!inside || !currentTarget.contains(relatedTarget)) hide();
  };
  const show = () => {
    active.shown.value = seq;
  };
  const classes = ['message'];
  if (head) classes.push('head');
  if (!sent) classes.push('pending');
  if (mentions.includes(me.value) && content) classes.push('mentions-me');
  return (
    <article
      class={classes.join(' ')}
      data-seq={sent ? seq : undefined}
      tabIndex={sent && isStop ? 0 : -1}
      aria-label={`${name}, ${timeOf(at)}`}
      onPointerMove={(event) => event.pointerType === 'mouse' && show()}
      onPointerLeave={(event) => {
        if (!event.currentTarget.contains(document.activeElement)) hide();
      }}
      onFocusIn={() => {
        active.focused.value = seq;
        show();
      }}
      onFocusOut={leave}
    >
      {head ? <Avatar userId={by} /> : <Time at={at} />}
      <div class="said">
        {head && (
          <p class="who">
            <strong dir="auto">{name}</strong> <Time at={at} />
          </p>
        )}
        {message.replyTo !== undefined && <Quote conversation={conversation} seq={message.replyTo} />}
        <Body message={message} name={name} />
        {row.kind === 'pending' && <Failure reason={row.failed} clientId={message.clientId} />}
        <Reactions conversation={conversation} message={message} />
      </div>
      {sent && isShown && <MessageActions conversation={conversation} message={message} />}
    </article>
  );
}

const Time = ({ at }: { at: number }) => (
  <time dateTime={new Date(at).toISOString()} title={fullTimeOf(at)}>
    {timeOf(at)}
  </time>
);

function Body({ message, name }: { message: Message; name: string }) {
  const { content, mentions, editedAt, redacted, pinned } = message;
  if (!content) {
    const by = redacted && redacted.by !== message.by ? ` by ${nameOf(redacted.by)}` : '';
    const reason = redacted?.reason ? `: ${redacted.reason}` : '';
    return (
      <p class="gone">
        Message deleted{by}
        {reason}
      </p>
    );
  }
  return (
    <div class={content.kind === 'action' ? 'body action' : 'body'} dir="auto">
      {content.kind === 'action' && <strong>{name} </strong>}
      <RichText text={content.text} mentions={mentions} />
      {editedAt !== undefined && (
        <span class="mark" title={`Edited ${fullTimeOf(editedAt)}`}>
          {' '}
          edited
        </span>
      )}
      {pinned && (
        <span class="mark" title={`Pinned by ${nameOf(pinned.by)}`}>
          {' '}
          <Icon name="pin" />
          pinned
        </span>
      )}
    </div>
  );
}

function Quote({ conversation, seq }: { conversation: Conversation; seq: Seq }) {
  const original = quoted(conversation, seq);
  return (
    <button type="button" class="quote" onClick={() => void jumpTo(conversation, seq)}>
      <span class="hidden">In reply to </span>
      {original && <strong dir="auto">{nameOf(original.by)}</strong>}{' '}
      <span dir="auto">{summaryOf(original)}</span>
    </button>
  );
}

function Failure({ reason, clientId }: { reason: string | undefined; clientId: string }) {
  if (reason === undefined) return <span class="hidden">Sending…</span>;
  return (
    <p class="problem" role="alert">
      Not sent: {reason}{' '}
      <button type="button" class="link" onClick={() => retry(clientId)}>
        Try again
      </button>{' '}
      <button type="button" class="link" onClick={() => discard(clientId)}>
        Discard
      </button>
    </p>
  );
}

function Reactions({ conversation, message }: { conversation: Conversation; message: Message }) {
  if (message.reactions.length === 0) return null;
  return (
    <ul class="reactions" aria-label="Reactions">
      {message.reactions.map(({ emoji, userIds }) => {
        const names = userIds.slice(0, 20).map((userId) => (userId === me.value ? 'you' : nameOf(userId)));
        const more = userIds.length > 20 ? ` and ${userIds.length - 20} others` : '';
        const label = `${emoji} ${userIds.length}: ${names.join(', ')}${more}`;
        return (
          <li key={emoji}>
            <button
              type="button"
              class="reaction"
              aria-pressed={userIds.includes(me.value)}
              aria-label={label}
              title={label}
              onClick={() => void toggleReaction(conversation.id, message, emoji)}
            >
              {emoji} <span>{userIds.length}</span>
            </button>
          </li>
        );
      })}
    </ul>
  );
}
