import { useSignal } from '@preact/signals';
import type { Command, ConversationSummary, Member } from '../../protocol.ts';
import { perform, startConversation } from '../actions.ts';
import type { Conversation } from '../conversation.ts';
import { nameOf } from '../people.ts';
import { me } from '../store.ts';
import { toast } from '../toast.ts';
import type { Role } from '../../client/types.ts';
import { Avatar } from './avatar.tsx';
import { Confirm } from './dialog.tsx';

const rank: Record<Role, number> = { owner: 2, admin: 1, member: 0 };
const STEP = 100;

type Props = { readonly conversation: Conversation; readonly summary: ConversationSummary };

export function Members({ conversation, summary }: Props) {
  const most = useSignal(STEP);
  const members = conversation.detail.value?.members ?? [];
  const sorted = members.toSorted((a, b) => rank[b.role] - rank[a.role]);
  return (
    <section aria-labelledby="members">
      <h3 id="members">
        Members <span class="muted">{members.length}</span>
      </h3>
      <ul class="plain">
        {sorted.slice(0, most.value).map((member) => (
          <Entry key={member.userId} member={member} summary={summary} />
        ))}
      </ul>
      {members.length > most.value && (
        <button type="button" onClick={() => (most.value += STEP)}>
          Show more
        </button>
      )}
    </section>
  );
}

function Entry({ member, summary }: { member: Member; summary: ConversationSummary }) {
  const open = useSignal(false);
  const { userId, role } = member;
  const name = nameOf(userId);
  const self = userId === me.value;
  return (
    <li class="member">
      <div class="row">
        <Avatar userId={userId} small />
        <span class="grow one-line" dir="auto">
          {name}
          {self && <span class="muted"> (you)</span>}
        </span>
        {role !== 'member' && <span class="badge">{role}</span>}
        {!self && (
          <button
            type="button"
            aria-expanded={open.value}
            aria-label={`Manage ${name}`}
            onClick={() => (open.value = !open.value)}
          >
            <span aria-hidden="true">⋯</span>
          </button>
        )}
      </div>
      {open.value && <Manage member={member} name={name} summary={summary} />}
    </li>
  );
}

function Manage({ member, name, summary }: { member: Member; name: string; summary: ConversationSummary }) {
  const asking = useSignal<'RemoveMember' | 'BanMember' | undefined>(undefined);
  const { userId, role } = member;
  const { conversationId } = summary;
  const asked = asking.value;
  const mayRemove = summary.role === 'owner' || (summary.role === 'admin' && role === 'member');
  const change = (event: Event) => {
    if (!(event.currentTarget instanceof HTMLSelectElement)) return;
    void perform({ type: 'ChangeRole', conversationId, userId, role: event.currentTarget.value as Role });
  };
  const write = () => {
    const command: Command = { type: 'StartDirect', with: userId };
    startConversation(command).catch((error: unknown) => toast(error));
  };
  return (
    <div class="manage">
      <button type="button" onClick={write}>
        Write to {name}
      </button>
      {summary.role === 'owner' && (
        <label class="row">
          Role
          <select value={role} onChange={change}>
            <option value="member">Member</option>
            <option value="admin">Admin</option>
            <option value="owner">Owner</option>
          </select>
        </label>
      )}
      {mayRemove && (
        <>
          <button type="button" onClick={() => (asking.value = 'RemoveMember')}>
            Remove
          </button>
          <button type="button" onClick={() => (asking.value = 'BanMember')}>
            Ban
          </button>
        </>
      )}
      {asked && (
        <Confirm
          title={`${asked === 'BanMember' ? 'Ban' : 'Remove'} ${name}?`}
          text={
            asking.value === 'BanMember'
              ? `${name} leaves the conversation and can’t be added again until the ban is lifted.`
              : `${name} no longer sees this conversation, and can be added again.`
          }
          action={asked === 'BanMember' ? 'Ban' : 'Remove'}
          onConfirm={() => void perform({ type: asked, conversationId, userId })}
          onClose={() => (asking.value = undefined)}
        />
      )}
    </div>
  );
}
