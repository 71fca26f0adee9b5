import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { User } from '../../protocol.ts';
import { api } from '../session.ts';
import { learn, person } from '../people.ts';
import { list, me } from '../store.ts';
import { otherOf } from '../title.ts';
import { toast } from '../toast.ts';
import type { UserId } from '../../client/types.ts';
import { Avatar } from './avatar.tsx';
import { Icon } from './icon.tsx';

type Props = {
  /** People who can't be chosen, because they are there already. */
  readonly without?: ReadonlySet<UserId>;
  /** Not there when choosing one is all there is to do. */
  readonly chosen?: readonly User[];
  readonly onChoose: (user: User) => void;
};

const PAUSE = 150;
const MOST = 20;

/** Finds people as one types. A chosen one is let go by choosing it again. */
export function PeoplePicker({ without, chosen, onChoose }: Props) {
  const search = useSignal('');
  const found = useSignal<readonly User[] | undefined>(undefined);
  const wanted = search.value.trim();
  useEffect(() => {
    let stale = false;
    found.value = undefined;
    const ask = async () => {
      try {
        const { users } = await api.findUsers(wanted);
        if (stale) return;
        learn(users);
        found.value = users;
      } catch (error) {
        toast(error);
      }
    };
    const timer = wanted === '' ? undefined : setTimeout(() => void ask(), PAUSE);
    return () => {
      stale = true;
      clearTimeout(timer);
    };
  }, [wanted]);
  const shown = wanted === '' ? acquaintances() : found.value;
  const others = shown?.filter(({ userId }) => userId !== me.value && !without?.has(userId));
  return (
    <div class="people-picker">
      <label>
        Find people
        <input
          type="search"
          value={search.value}
          autocomplete="off"
          onInput={(event) => (search.value = event.currentTarget.value)}
        />
      </label>
      {chosen && chosen.length > 0 && (
        <ul class="chips" aria-label="Chosen">
          {chosen.map((user) => (
            <li key={user.userId}>
              <button
                type="button"
                class="chip"
                aria-label={`Remove ${user.displayName}`}
                onClick={() => onChoose(user)}
              >
                {user.displayName} <Icon name="close" />
              </button>
            </li>
          ))}
        </ul>
      )}
      <p class="hidden" role="status">
        {wanted !== '' && others && `${others.length} people found`}
      </p>
      {others?.length === 0 && (
        <p class="muted">{wanted === '' ? 'Type the beginning of a name.' : 'Nobody found.'}</p>
      )}
      <ul class="plain results">
        {others?.map((user) => {
          const picked = chosen?.some(({ userId }) => userId === user.userId);
          return (
            <li key={user.userId}>
              <button type="button" class="person" aria-pressed={picked} onClick={() => onChoose(user)}>
                <Avatar userId={user.userId} small />
                <span class="one-line" dir="auto">
                  {user.displayName} <span class="muted">{user.username}</span>
                </span>
                {picked && <Icon name="check" />}
              </button>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

/** Whom one writes with already. */
const acquaintances = (): User[] =>
  list.value
    .flatMap((summary) => otherOf(summary) ?? [])
    .slice(0, MOST)
    .flatMap((userId) => person(userId).value ?? []);
