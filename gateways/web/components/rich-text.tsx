import type { Message } from '../../protocol.ts';
import { nameOf, usernameOf } from '../people.ts';
import { me } from '../store.ts';
import { parse } from '../text.ts';

/** A message's text: addresses, code and mentions stand out, everything else is as it was typed. */
export function RichText({ text, mentions }: { text: string; mentions: Message['mentions'] }) {
  const people = mentions.flatMap((userId) => {
    const username = usernameOf(userId);
    return username === undefined ? [] : [username, nameOf(userId)].map((name) => ({ userId, name }));
  });
  return (
    <>
      {parse(text, people).map((part) => {
        switch (part.kind) {
          case 'text':
            return part.text;
          case 'code':
            return <code>{part.text}</code>;
          case 'block':
            return (
              <pre dir="ltr">
                <code>{part.text}</code>
              </pre>
            );
          case 'link':
            return (
              <a href={part.href} target="_blank" rel="noopener noreferrer">
                {part.text}
              </a>
            );
          case 'mention':
            return (
              <span class={part.userId === me.value ? 'mention own' : 'mention'} title={nameOf(part.userId)}>
                {part.text}
              </span>
            );
        }
      })}
    </>
  );
}
