import type { Conversation } from '../conversation.ts';
import { nameOf, usernameOf } from '../people.ts';
import { me } from '../store.ts';
import type { UserId } from '../../client/types.ts';
import { Avatar } from './avatar.tsx';

const MOST = 8;

/** Members by the beginning of a name, then by what is in one. */
export const candidatesFor = ({ detail }: Conversation, query: string): UserId[] => {
  const wanted = query.toLowerCase();
  const scored = (detail.value?.members ?? []).flatMap(({ userId }) => {
    const username = usernameOf(userId);
    if (username === undefined || userId === me.value) return [];
    const names = [username.toLowerCase(), nameOf(userId).toLowerCase()];
    if (names.some((name) => name.startsWith(wanted))) return [{ userId, score: 0, username }];
    return names.some((name) => name.includes(wanted)) ? [{ userId, score: 1, username }] : [];
  });
  scored.sort((a, b) => a.score - b.score || a.username.localeCompare(b.username));
  return scored.slice(0, MOST).map(({ userId }) => userId);
};

type Props = {
  readonly people: readonly UserId[];
  readonly chosen: UserId | undefined;
  readonly onChoose: (userId: UserId) => void;
};

/** The list below which one goes on typing: the field keeps the focus. */
export function MentionPicker({ people, chosen, onChoose }: Props) {
  if (people.length === 0) return null;
  return (
    <ul class="mentions" id="mentions" role="listbox" aria-label="Members">
      {people.map((userId) => (
        <li
          key={userId}
          id={`mention-${userId}`}
          role="option"
          aria-selected={userId === chosen}
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => onChoose(userId)}
        >
          <Avatar userId={userId} small />
          <span class="one-line" dir="auto">
            {nameOf(userId)} <span class="muted">@{usernameOf(userId)}</span>
          </span>
        </li>
      ))}
    </ul>
  );
}
