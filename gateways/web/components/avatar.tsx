import { hueOf, initialsOf, nameOf } from '../people.ts';
import type { UserId } from '../../client/types.ts';

/** Decoration: the name always stands beside it. */
export function Avatar({ userId, small = false }: { userId: UserId; small?: boolean }) {
  return (
    <span class={small ? 'avatar small' : 'avatar'} style={{ '--hue': hueOf(userId) }} aria-hidden="true">
      {initialsOf(nameOf(userId))}
    </span>
  );
}

export function GroupAvatar({ id, title }: { id: string; title: string }) {
  return (
    <span class="avatar group" style={{ '--hue': hueOf(id) }} aria-hidden="true">
      {initialsOf(title)}
    </span>
  );
}
