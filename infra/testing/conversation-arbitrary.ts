import fc from 'fast-check';
import type { ConversationCommand } from '../../domain/conversation-command.ts';
import type { ConversationEvent } from '../../domain/conversation-event.ts';
import { evolve, initial } from '../../domain/conversation-state.ts';
import { decide } from '../../domain/conversation.ts';
import { SYSTEM, type Seq, type UserId } from '../../domain/id.ts';
import { isRejection } from '../../domain/rejection.ts';

/** A small cast, so that people meet: they join, leave, are banned and come back. */
export const cast: readonly UserId[] = ['A', 'B', 'C', 'D'].map(
  (letter) => `01J0000000000000000000000${letter}`,
);
const [ann = SYSTEM, ben = SYSTEM] = cast;

const someone = fc.constantFrom(...cast);
/** Mostly somebody who is in the conversation. */
const actor: fc.Arbitrary<(members: readonly UserId[]) => UserId> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.nat().map((n) => (members: readonly UserId[]) => members[n % members.length] ?? ann),
  },
  { weight: 1, arbitrary: fc.constantFrom(...cast, SYSTEM).map((by) => () => by) },
);
const text = fc.oneof(
  fc.constantFrom('hello', 'so?', 'ünïcode 👩‍👩‍👧', 'x'.repeat(3000)),
  fc.string({ minLength: 1 }).map((s) => `“${s}”`),
);
const content = fc.record({ kind: fc.constantFrom('text' as const, 'action' as const), text });
const mentions = fc.array(someone, { maxLength: 2 });
const role = fc.constantFrom('owner' as const, 'admin' as const, 'member' as const);
const emoji = fc.constantFrom('👍', '❤️', '🎉');
const title = fc.constantFrom('plans', 'more plans', 'weekend');

/** `pick` chooses among the messages that are there when the command comes: most of the commands make sense. */
type Wish = (pick: (n: number) => Seq) => Record<string, unknown>;

const wish = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ content, mentions, reply: fc.option(fc.nat(), { nil: undefined }) }).map(sends),
  },
  { weight: 3, arbitrary: fc.record({ n: fc.nat(), content, mentions }).map(edits) },
  {
    weight: 2,
    arbitrary: onMessage('RedactMessage', { reason: fc.option(fc.constant('rude'), { nil: undefined }) }),
  },
  { weight: 4, arbitrary: onMessage('AddReaction', { emoji }) },
  { weight: 4, arbitrary: onMessage('RemoveReaction', { emoji }) },
  { weight: 2, arbitrary: onMessage('PinMessage', {}) },
  { weight: 2, arbitrary: onMessage('UnpinMessage', {}) },
  {
    weight: 3,
    arbitrary: plain('AddMembers', {
      userIds: fc.array(someone, { minLength: 1, maxLength: 3 }),
      role: fc.option(role, { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: plain('LeaveConversation', {}) },
  { weight: 1, arbitrary: plain('RemoveMember', { userId: someone }) },
  { weight: 1, arbitrary: plain('BanMember', { userId: someone }) },
  { weight: 3, arbitrary: plain('UnbanMember', { userId: someone }) },
  { weight: 1, arbitrary: plain('ChangeRole', { userId: someone, role }) },
  { weight: 1, arbitrary: plain('RenameConversation', { title }) },
  { weight: 1, arbitrary: plain('SetTopic', { topic: fc.constantFrom('', 'food', 'weather') }) },
);

function sends({
  content: said,
  mentions: of,
  reply,
}: {
  content: object;
  mentions: UserId[];
  reply: number | undefined;
}): Wish {
  return (pick) => ({
    type: 'SendMessage',
    content: said,
    mentions: of,
    ...(reply !== undefined && reply < 10 && { replyTo: pick(reply) }),
  });
}

function edits({ n, ...rest }: { n: number; content: object; mentions: UserId[] }): Wish {
  return (pick) => ({ type: 'EditMessage', seq: pick(n), ...rest });
}

function onMessage(
  type: ConversationCommand['type'],
  shape: Record<string, fc.Arbitrary<unknown>>,
): fc.Arbitrary<Wish> {
  return fc.record({ n: fc.nat(), rest: fc.record(shape) }).map(({ n, rest }) => (pick) => ({
    type,
    seq: pick(n),
    ...rest,
  }));
}

function plain(
  type: ConversationCommand['type'],
  shape: Record<string, fc.Arbitrary<unknown>>,
): fc.Arbitrary<Wish> {
  return fc.record(shape).map((rest) => () => ({ type, ...rest }));
}

const creation: fc.Arbitrary<Record<string, unknown>> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('CreateGroup'),
      title,
      members: fc.array(someone, { maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ type: 'StartDirect', with: ben }) },
);

/**
 * What people ask of one conversation, from its creation on. Times rise; now and then a command is asked again under its
 * id. Many are accepted, some are refused.
 */
export const conversationCommands = ({
  maxLength = 40,
}: {
  maxLength?: number;
} = {}): fc.Arbitrary<ConversationCommand[]> =>
  fc
    .record({
      creation,
      steps: fc.array(fc.record({ by: actor, wish, again: fc.nat({ max: 15 }) }), { maxLength, size: 'max' }),
    })
    .map(({ creation: first, steps }) => {
      const commands = [{ id: 'c0', by: ann, at: 1_700_000_000_000, ...first } as ConversationCommand];
      const state = initial();
      const messages: Seq[] = [];
      const perform = (command: ConversationCommand) => {
        for (const event of eventsOf(state, command)) {
          evolve(state, event);
          if (event.type === 'MessageSent') messages.push(state.revision);
        }
      };
      const pick = (n: number) => messages[messages.length - 1 - (n % (messages.length + 1))] ?? n % 50;
      for (const command of commands) perform(command);
      for (const [i, step] of steps.entries()) {
        const earlier = step.again === 0 ? commands.at(-1) : undefined;
        const at = 1_700_000_000_000 + (i + 1) * 1000;
        const command = {
          ...(earlier ?? { id: `c${i + 1}`, by: step.by([...state.members.keys()]), ...step.wish(pick) }),
          at,
        } as ConversationCommand;
        commands.push(command);
        perform(command);
      }
      return commands;
    });

/** The events of those commands that are accepted, in order. */
export const decideAll = (commands: readonly ConversationCommand[]): ConversationEvent[] => {
  const state = initial();
  return commands.flatMap((command) => {
    const events = eventsOf(state, command);
    for (const event of events) evolve(state, event);
    return events;
  });
};

/** The events of one conversation, as they can be. */
export const conversationEvents = (options?: { maxLength?: number }): fc.Arbitrary<ConversationEvent[]> =>
  conversationCommands(options).map(decideAll);

const eventsOf = (
  state: ReturnType<typeof initial>,
  command: ConversationCommand,
): readonly ConversationEvent[] => {
  const decision = decide(state, command);
  return isRejection(decision) ? [] : decision.events;
};
