import { useComputed } from '@preact/signals';
import { perform } from '../actions.ts';
import type { Conversation } from '../conversation.ts';
import { nameOf } from '../people.ts';
import type { Row } from '../rows.ts';
import { mayModerate } from '../store.ts';
import { fullTimeOf } from '../time.ts';
import type { ConversationEvent, UserId } from '../../client/types.ts';

type NoticesRow = Extract<Row, { kind: 'notices' }>;
type Props = { readonly row: NoticesRow; readonly conversation: Conversation };

/** What happened beside the messages. People who came or went one after the other share a line. */
export function Notices({ row, conversation }: Props) {
  const canModerate = useComputed(() => mayModerate(conversation.id)).value;
  return (
    <div class="notices" data-seq={row.seq}>
      {linesOf(row).map(({ key, at, text, banned }) => (
        <p key={key} title={fullTimeOf(at)} dir="auto">
          {text}
          {canModerate && banned !== undefined && !isMember(conversation, banned) && (
            <button
              type="button"
              class="link"
              onClick={() =>
                void perform({ type: 'UnbanMember', conversationId: conversation.id, userId: banned })
              }
            >
              Lift the ban
            </button>
          )}
        </p>
      ))}
    </div>
  );
}

const isMember = ({ detail }: Conversation, userId: UserId): boolean =>
  detail.value?.members.some((member) => member.userId === userId) ?? false;

type Line = {
  readonly key: number;
  readonly at: number;
  readonly text: string;
  readonly banned: UserId | undefined;
};

const linesOf = ({ notices }: NoticesRow): Line[] => {
  const lines: (Line & { type: string; people: UserId[] })[] = [];
  const unbanned = new Set(
    notices.flatMap(({ event }) => (event.type === 'MemberUnbanned' ? [event.userId] : [])),
  );
  for (const { seq, at, event } of notices) {
    const last = lines.at(-1);
    const moves = (event.type === 'MemberJoined' && event.role === 'member') || event.type === 'MemberLeft';
    if (moves && last?.type === event.type) last.people.push(event.userId);
    else {
      const banned = event.type === 'MemberBanned' && !unbanned.has(event.userId) ? event.userId : undefined;
      const people = moves ? [event.userId] : [];
      lines.push({ key: seq, at, type: event.type, people, banned, text: moves ? '' : `${textOf(event)} ` });
    }
  }
  return lines.map((line) =>
    line.people.length === 0 ? line : { ...line, text: together(line.type, line.people) },
  );
};

const together = (type: string, people: readonly UserId[]): string => {
  const names = people.slice(0, people.length > 4 ? 3 : 4).map(nameOf);
  if (people.length > 4) names.push(`${people.length - 3} others`);
  const [last, ...rest] = names.toReversed();
  const all = rest.length === 0 ? last : `${rest.toReversed().join(', ')} and ${last}`;
  return `${all} ${type === 'MemberJoined' ? 'joined' : 'left'}`;
};

const textOf = (event: ConversationEvent): string => {
  const by = nameOf(event.by);
  switch (event.type) {
    case 'ConversationCreated':
      return event.kind === 'group' ? `${by} created “${event.title}”` : `${by} started this conversation`;
    case 'MemberJoined':
      return `${nameOf(event.userId)} joined as ${event.role}`;
    case 'MemberLeft':
      return `${nameOf(event.userId)} left`;
    case 'MemberRemoved':
      return `${by} removed ${nameOf(event.userId)}`;
    case 'MemberBanned':
      return `${by} banned ${nameOf(event.userId)}`;
    case 'MemberUnbanned':
      return `${by} lifted the ban on ${nameOf(event.userId)}`;
    case 'MemberRoleChanged':
      return `${by} made ${nameOf(event.userId)} ${event.role === 'member' ? 'a member' : `an ${event.role}`}`;
    case 'ConversationRenamed':
      return `${by} renamed the conversation to “${event.title}”`;
    case 'TopicChanged':
      return event.topic === '' ? `${by} removed the topic` : `${by} set the topic: ${event.topic}`;
    default:
      return '';
  }
};
