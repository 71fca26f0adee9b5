import { useSignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Message } from '../../protocol.ts';
import { perform, toggleReaction } from '../actions.ts';
import type { Conversation } from '../conversation.ts';
import { type Draft, draftOf, write as writeDraft } from '../draft.ts';
import { mayModerate, me } from '../store.ts';
import { Confirm } from './dialog.tsx';
import { IconButton } from './icon.tsx';

const EMOJI = ['👍', '❤️', '😂', '🎉', '😮', '😢', '🙏', '👀', '✅', '🚀', '🤔', '👎'];

type Props = {
  readonly conversation: Conversation;
  readonly message: Message;
};

/** What can be done with a message. */
export function MessageActions({ conversation, message }: Props) {
  const picking = useSignal(false);
  const deleting = useSignal(false);
  const { id: conversationId } = conversation;
  const { seq, by, content, pinned } = message;
  if (!content) return null;
  const mine = by === me.value;
  const draft = draftOf(conversationId);
  const write = (next: Draft) => {
    writeDraft(conversationId, next);
    document.getElementById('composer')?.focus();
  };
  const tools = useRef<HTMLDivElement>(null);
  const react = (emoji: string) => {
    tools.current?.closest('article')?.focus();
    picking.value = false;
    void toggleReaction(conversationId, message, emoji);
  };
  return (
    <div class="actions">
      <div class="tools" ref={tools} role="group" aria-label="Message actions">
        <IconButton
          icon="react"
          label="React"
          expanded={picking.value}
          onClick={() => (picking.value = !picking.value)}
        />
        <IconButton
          icon="reply"
          label="Reply"
          onClick={() => write({ text: draft.value.text, replyTo: seq })}
        />
        {mine && (
          <IconButton
            icon="edit"
            label="Edit"
            onClick={() => write({ text: editable(content), editing: message })}
          />
        )}
        <IconButton
          icon="pin"
          label={pinned ? 'Unpin' : 'Pin'}
          onClick={() => void perform({ type: pinned ? 'UnpinMessage' : 'PinMessage', conversationId, seq })}
        />
        {(mine || mayModerate(conversationId)) && (
          <IconButton icon="delete" label="Delete" onClick={() => (deleting.value = true)} />
        )}
        {picking.value && <EmojiPicker onPick={react} onClose={() => (picking.value = false)} />}
        {deleting.value && (
          <Confirm
            title="Delete this message?"
            text="Its text is taken away from everybody. That it was there stays visible."
            action="Delete"
            onConfirm={() => void perform({ type: 'RedactMessage', conversationId, seq })}
            onClose={() => (deleting.value = false)}
          />
        )}
      </div>
    </div>
  );
}

export const editable = (content: NonNullable<Message['content']>): string =>
  content.kind === 'action' ? `/me ${content.text}` : content.text;

function EmojiPicker({ onPick, onClose }: { onPick: (emoji: string) => void; onClose: () => void }) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => box.current?.querySelector('button')?.focus(), []);
  const onKeyDown = (event: KeyboardEvent) => {
    const buttons = [...(box.current?.querySelectorAll('button') ?? [])];
    const at = buttons.findIndex((button) => button === document.activeElement);
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 6, ArrowUp: -6 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      buttons[(at + step + buttons.length) % buttons.length]?.focus();
    }
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    box.current?.closest<HTMLElement>('article')?.focus();
    onClose();
  };
  return (
    <div class="emoji" ref={box} role="group" aria-label="Choose a reaction" onKeyDown={onKeyDown}>
      {EMOJI.map((emoji) => (
        <button key={emoji} type="button" aria-label={`React with ${emoji}`} onClick={() => onPick(emoji)}>
          {emoji}
        </button>
      ))}
    </div>
  );
}
