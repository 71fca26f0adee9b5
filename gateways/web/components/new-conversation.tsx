import { useSignal } from '@preact/signals';
import type { Command, User } from '../../protocol.ts';
import { startConversation } from '../actions.ts';
import { fieldOf } from '../form.ts';
import { Dialog } from './dialog.tsx';
import { PeoplePicker } from './people-picker.tsx';

export function NewConversation({ onClose }: { onClose: () => void }) {
  const group = useSignal(false);
  const chosen = useSignal<readonly User[]>([]);
  const problem = useSignal<string | undefined>(undefined);
  const busy = useSignal(false);
  const start = async (command: Command) => {
    if (busy.value) return;
    busy.value = true;
    problem.value = undefined;
    try {
      await startConversation(command);
      onClose();
    } catch (error) {
      problem.value = error instanceof Error ? error.message : String(error);
      busy.value = false;
    }
  };
  const choose = (user: User) => {
    if (!group.value) return void start({ type: 'StartDirect', with: user.userId });
    const rest = chosen.value.filter(({ userId }) => userId !== user.userId);
    chosen.value = rest.length < chosen.value.length ? rest : [...rest, user];
  };
  const create = (event: SubmitEvent) => {
    event.preventDefault();
    if (!(event.currentTarget instanceof HTMLFormElement)) return;
    const title = fieldOf(event.currentTarget, 'title');
    const topic = fieldOf(event.currentTarget, 'topic');
    if (!title) return;
    const members = chosen.value.map(({ userId }) => userId);
    void start({ type: 'CreateGroup', title, ...(topic && { topic }), members });
  };
  return (
    <Dialog title="New conversation" onClose={onClose}>
      <div class="segments" role="group" aria-label="Kind of conversation">
        <button type="button" aria-pressed={!group.value} onClick={() => (group.value = false)}>
          Direct
        </button>
        <button type="button" aria-pressed={group.value} onClick={() => (group.value = true)}>
          Group
        </button>
      </div>
      <form onSubmit={create}>
        {group.value && (
          <>
            <label>
              Name of the group
              <input name="title" required maxLength={120} autocomplete="off" />
            </label>
            <label>
              <span>
                Topic <span class="muted">(optional)</span>
              </span>
              <input name="topic" maxLength={1000} autocomplete="off" />
            </label>
          </>
        )}
        <PeoplePicker {...(group.value && { chosen: chosen.value })} onChoose={choose} />
        <p class="problem" role="alert">
          {problem.value}
        </p>
        {group.value && (
          <div class="buttons">
            <button type="submit" class="primary" disabled={busy.value}>
              Create group
            </button>
          </div>
        )}
      </form>
    </Dialog>
  );
}
