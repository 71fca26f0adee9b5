import { describe, expect, it } from 'vitest';
import { decide } from './conversation.ts';
import type { ConversationCommand } from './conversation-command.ts';
import type { ConversationEvent, Role } from './conversation-event.ts';
import { evolve, initial, messageWindow, missing } from './conversation-state.ts';
import { SYSTEM } from './id.ts';
import { limits } from './limits.ts';
import { isRejection } from './rejection.ts';

const person = (n: number) => `01${String(n).padStart(24, '0')}`;
const [ann, ben, cat, dan] = [person(1), person(2), person(3), person(4)] as const;
const at = 1_700_000_000_000;
let ids = 0;

type Plain<T> = T extends unknown ? Omit<T, 'id' | 'by' | 'at'> & { id?: string } : never;
const ask = (by: string, wish: Plain<ConversationCommand>): ConversationCommand =>
  ({ id: `c${ids++}`, by, at, ...wish }) as ConversationCommand;
const says = (text: string) => ({ kind: 'text', text }) as const;
const joined = (userId: string, role: Role = 'member') =>
  ({ type: 'MemberJoined', by: ann, at, userId, role }) as const;
const sent = (by: string, clientId: string, text = clientId): ConversationEvent => ({
  type: 'MessageSent',
  by,
  at,
  clientId,
  content: says(text),
  mentions: [],
});

const group: ConversationEvent[] = [
  { type: 'ConversationCreated', by: ann, at, kind: 'group', title: 'Friends' },
  joined(ann, 'owner'),
  joined(ben, 'admin'),
  joined(cat),
];
const direct: ConversationEvent[] = [
  { type: 'ConversationCreated', by: ann, at, kind: 'direct', people: [ann, ben] },
  joined(ann),
  joined(ben),
];
const message = group.length;

const fold = (events: readonly ConversationEvent[]) => events.reduce(evolve, initial());
const given = (events: readonly ConversationEvent[]) => ({
  when: (command: ConversationCommand) => {
    const state = fold(events);
    expect(missing(state, command)).toBeUndefined();
    const decision = decide(state, command);
    return {
      // biome-ignore lint/suspicious/noThenProperty: given/when/then is what this is called
      then: (...expected: object[]) => {
        if (isRejection(decision)) throw new Error(`refused: ${decision.rejected} (${decision.detail})`);
        expect(decision.events).toEqual(expected.map((event) => expect.objectContaining(event)));
        return decision;
      },
      refused: (code: string) => expect(decision).toMatchObject({ rejected: code }),
    };
  },
});

describe('starting', () => {
  it('a direct conversation makes both people members', () => {
    given([])
      .when(ask(ann, { type: 'StartDirect', with: ben }))
      .then(
        { type: 'ConversationCreated', kind: 'direct' },
        { userId: ann, role: 'member' },
        { userId: ben, role: 'member' },
      );
  });
  it('a direct conversation that is there changes nothing', () => {
    given(direct)
      .when(ask(ben, { type: 'StartDirect', with: ann }))
      .then();
  });
  it('a direct conversation with oneself is refused', () => {
    given([])
      .when(ask(ann, { type: 'StartDirect', with: ann }))
      .refused('direct_with_self');
  });
  it('a group makes its founder the owner, and nobody a member twice', () => {
    given([])
      .when(ask(ann, { type: 'CreateGroup', title: 'Friends', members: [ben, ann, ben] }))
      .then(
        { type: 'ConversationCreated', title: 'Friends' },
        { userId: ann, role: 'owner' },
        { userId: ben, role: 'member' },
      );
  });
  it('the same group again changes nothing, and under another title is refused', () => {
    given(group)
      .when(ask(ann, { type: 'CreateGroup', title: 'Friends', members: [] }))
      .then();
    given(group)
      .when(ask(ann, { type: 'CreateGroup', title: 'Foes', members: [] }))
      .refused('client_id_reused');
  });
  it('a group of more than 1000 is refused', () => {
    const members = Array.from({ length: limits.members }, (_, n) => person(100 + n));
    given([])
      .when(ask(ann, { type: 'CreateGroup', title: 'All', members }))
      .refused('too_many_members');
  });
});

describe('members', () => {
  it('add people once', () => {
    given(group)
      .when(ask(cat, { type: 'AddMembers', userIds: [dan, ben, dan] }))
      .then({ type: 'MemberJoined', userId: dan, by: cat });
  });
  it('can not add somebody above themselves', () => {
    given(group)
      .when(ask(cat, { type: 'AddMembers', userIds: [dan], role: 'admin' }))
      .refused('not_allowed');
  });
  it('are at most 1000: the next one is refused', () => {
    const many = Array.from({ length: limits.members - 3 }, (_, n) => joined(person(100 + n)));
    given([...group, ...many])
      .when(ask(ann, { type: 'AddMembers', userIds: [dan] }))
      .refused('too_many_members');
    given([...group, ...many])
      .when(ask(ann, { type: 'AddMembers', userIds: [cat] }))
      .then();
    given([...group, ...many.slice(1)])
      .when(ask(ann, { type: 'AddMembers', userIds: [dan] }))
      .then({ userId: dan });
  });
  it('who are banned do not come back before the ban is lifted', () => {
    const banned: ConversationEvent[] = [...group, { type: 'MemberBanned', by: ann, at, userId: cat }];
    given(banned)
      .when(ask(ben, { type: 'AddMembers', userIds: [cat] }))
      .refused('member_banned');
    given(banned)
      .when(ask(ben, { type: 'UnbanMember', userId: cat }))
      .then({ type: 'MemberUnbanned' });
    given(banned)
      .when(ask(cat, { type: 'SendMessage', content: says('x'), mentions: [] }))
      .refused('conversation_not_found');
  });
  it('leave, and the last owner passes the group on', () => {
    given(group)
      .when(ask(cat, { type: 'LeaveConversation' }))
      .then({ type: 'MemberLeft', userId: cat });
    given(group)
      .when(ask(ann, { type: 'LeaveConversation' }))
      .then(
        { type: 'MemberRoleChanged', by: SYSTEM, userId: ben, role: 'owner' },
        { type: 'MemberLeft', userId: ann },
      );
  });
  it.each([
    [ben, cat, undefined],
    [ben, ann, 'not_allowed'],
    [cat, ben, 'not_allowed'],
    [ann, ben, undefined],
    [ann, ann, 'not_allowed'],
  ] as const)('%s removing and banning %s: %s', (by, userId, code) => {
    for (const type of ['RemoveMember', 'BanMember'] as const) {
      const outcome = given(group).when(ask(by, { type, userId }));
      if (code) outcome.refused(code);
      else outcome.then({ type: type === 'BanMember' ? 'MemberBanned' : 'MemberRemoved', userId });
    }
  });
  it('get roles from owners only', () => {
    given(group)
      .when(ask(ann, { type: 'ChangeRole', userId: cat, role: 'admin' }))
      .then({ type: 'MemberRoleChanged', role: 'admin' });
    given(group)
      .when(ask(ann, { type: 'ChangeRole', userId: cat, role: 'member' }))
      .then();
    given(group)
      .when(ask(ben, { type: 'ChangeRole', userId: cat, role: 'admin' }))
      .refused('not_allowed');
    given(group)
      .when(ask(ann, { type: 'ChangeRole', userId: dan, role: 'admin' }))
      .refused('not_a_member');
  });
  it('of a direct conversation stay who they are', () => {
    for (const wish of [
      { type: 'AddMembers', userIds: [cat] },
      { type: 'LeaveConversation' },
      { type: 'RemoveMember', userId: ben },
      { type: 'RenameConversation', title: 'x' },
      { type: 'SetTopic', topic: 'x' },
    ] as const) {
      given(direct).when(ask(ann, wish)).refused('direct_is_fixed');
    }
  });
  it('rename and set the topic when they are owner or admin', () => {
    given(group)
      .when(ask(ben, { type: 'RenameConversation', title: 'Pals' }))
      .then({ type: 'ConversationRenamed', title: 'Pals' });
    given(group)
      .when(ask(cat, { type: 'RenameConversation', title: 'Pals' }))
      .refused('not_allowed');
    given(group)
      .when(ask(ann, { type: 'SetTopic', topic: 'cake' }))
      .then({ type: 'TopicChanged', topic: 'cake' });
    given(group)
      .when(ask(ann, { type: 'SetTopic', topic: '' }))
      .then();
  });
  it('alone may do anything: to others there is no such conversation', () => {
    given(group)
      .when(ask(dan, { type: 'SendMessage', content: says('x'), mentions: [] }))
      .refused('conversation_not_found');
    given([])
      .when(ask(dan, { type: 'SendMessage', content: says('x'), mentions: [] }))
      .refused('conversation_not_found');
  });
});

describe('messages', () => {
  const talk = [...group, sent(cat, 'k1', 'hello')];

  it('are sent, and mention members only', () => {
    given(group)
      .when(ask(cat, { id: 'k1', type: 'SendMessage', content: says('hi'), mentions: [ben, dan, ben] }))
      .then({ type: 'MessageSent', clientId: 'k1', mentions: [ben] });
  });
  it('are sent once: the repeat names the first one, even when its sender has left', () => {
    const again = ask(cat, { id: 'k1', type: 'SendMessage', content: says('hello'), mentions: [] });
    expect(given(talk).when(again).then().seq).toBe(message);
    expect(
      given([...talk, { type: 'MemberLeft', by: cat, at, userId: cat }])
        .when(again)
        .then().seq,
    ).toBe(message);
  });
  it('are sent once even after an edit, and their id is no good for another text', () => {
    const edited: ConversationEvent[] = [
      ...talk,
      { type: 'MessageEdited', by: cat, at, seq: message, content: says('bye'), mentions: [] },
    ];
    given(edited)
      .when(ask(cat, { id: 'k1', type: 'SendMessage', content: says('hello'), mentions: [] }))
      .then();
    given(edited)
      .when(ask(cat, { id: 'k1', type: 'SendMessage', content: says('bye'), mentions: [] }))
      .refused('client_id_reused');
    given(edited)
      .when(ask(ben, { id: 'k1', type: 'SendMessage', content: says('bye'), mentions: [] }))
      .then({ by: ben });
  });
  it('reply to messages only', () => {
    given(talk)
      .when(ask(ben, { type: 'SendMessage', content: says('x'), replyTo: message, mentions: [] }))
      .then({ replyTo: message });
    given(talk)
      .when(ask(ben, { type: 'SendMessage', content: says('x'), replyTo: 1, mentions: [] }))
      .refused('message_not_found');
    given(talk)
      .when(ask(ben, { type: 'SendMessage', content: says('x'), replyTo: 99, mentions: [] }))
      .refused('message_not_found');
  });
  it('are edited by their sender, once for the same text', () => {
    given(talk)
      .when(ask(cat, { type: 'EditMessage', seq: message, content: says('hi'), mentions: [] }))
      .then({ type: 'MessageEdited' });
    given(talk)
      .when(ask(cat, { type: 'EditMessage', seq: message, content: says('hello'), mentions: [] }))
      .then();
    given(talk)
      .when(ask(ann, { type: 'EditMessage', seq: message, content: says('hi'), mentions: [] }))
      .refused('not_the_sender');
  });
  it('are redacted by their sender, an admin or an owner, once, and stay so', () => {
    for (const by of [ann, ben, cat])
      given(talk)
        .when(ask(by, { type: 'RedactMessage', seq: message }))
        .then({ type: 'MessageRedacted', by });
    given([...group, joined(dan), sent(cat, 'k1')])
      .when(ask(dan, { type: 'RedactMessage', seq: message + 1 }))
      .refused('not_allowed');
    const redacted: ConversationEvent[] = [...talk, { type: 'MessageRedacted', by: cat, at, seq: message }];
    given(redacted)
      .when(ask(ann, { type: 'RedactMessage', seq: message }))
      .then();
    given(redacted)
      .when(ask(cat, { type: 'EditMessage', seq: message, content: says('x'), mentions: [] }))
      .refused('message_redacted');
    given(redacted)
      .when(ask(cat, { type: 'AddReaction', seq: message, emoji: '👍' }))
      .refused('message_redacted');
    given(redacted)
      .when(ask(cat, { type: 'PinMessage', seq: message }))
      .refused('message_redacted');
  });
  it('of the other one in a direct conversation are not redacted', () => {
    given([...direct, sent(ben, 'k')])
      .when(ask(ann, { type: 'RedactMessage', seq: direct.length }))
      .refused('not_allowed');
  });
  it('get each reaction of a person once', () => {
    const reacted: ConversationEvent[] = [
      ...talk,
      { type: 'ReactionAdded', by: ben, at, seq: message, emoji: '👍' },
    ];
    given(talk)
      .when(ask(ben, { type: 'AddReaction', seq: message, emoji: '👍' }))
      .then({ type: 'ReactionAdded' });
    given(reacted)
      .when(ask(ben, { type: 'AddReaction', seq: message, emoji: '👍' }))
      .then();
    given(reacted)
      .when(ask(ann, { type: 'RemoveReaction', seq: message, emoji: '👍' }))
      .then();
    given(reacted)
      .when(ask(ben, { type: 'RemoveReaction', seq: message, emoji: '👍' }))
      .then({ type: 'ReactionRemoved' });
  });
  it(`get at most ${limits.emoji} different reactions`, () => {
    const many = Array.from(
      { length: limits.emoji },
      (_, n) => ({ type: 'ReactionAdded', by: ben, at, seq: message, emoji: `e${n}` }) as const,
    );
    given([...talk, ...many])
      .when(ask(ann, { type: 'AddReaction', seq: message, emoji: '👍' }))
      .refused('too_many_reactions');
    given([...talk, ...many])
      .when(ask(ann, { type: 'AddReaction', seq: message, emoji: 'e3' }))
      .then({ emoji: 'e3' });
  });
  it(`are pinned once, at most ${limits.pins} of them, and not after a redaction`, () => {
    const pinned: ConversationEvent[] = [...talk, { type: 'MessagePinned', by: ann, at, seq: message }];
    given(talk)
      .when(ask(cat, { type: 'PinMessage', seq: message }))
      .then({ type: 'MessagePinned' });
    given(pinned)
      .when(ask(cat, { type: 'PinMessage', seq: message }))
      .then();
    given(pinned)
      .when(ask(cat, { type: 'UnpinMessage', seq: message }))
      .then({ type: 'MessageUnpinned' });
    given([...pinned, { type: 'MessageRedacted', by: cat, at, seq: message }])
      .when(ask(cat, { type: 'UnpinMessage', seq: message }))
      .then();
    given(talk)
      .when(ask(cat, { type: 'PinMessage', seq: 0 }))
      .refused('message_not_found');
    const full = Array.from(
      { length: limits.pins },
      (_, n) => ({ type: 'MessagePinned', by: ann, at, seq: 1_000 + n }) as const,
    );
    given([...talk, ...full])
      .when(ask(cat, { type: 'PinMessage', seq: message }))
      .refused('too_many_pins');
  });
});

describe('the state', () => {
  it('stays bounded, and says what it has dropped', () => {
    const state = fold(group);
    for (let n = 0; n < 3 * messageWindow.messages; n += 1) evolve(state, sent(cat, `k${n}`));
    expect(state.messages.size).toBe(messageWindow.messages);
    expect(state.sends.size).toBe(messageWindow.messages);
    state.recalled.messages.clear();
    state.recalled.sends.clear();
    expect(missing(state, ask(cat, { type: 'PinMessage', seq: message }))).toEqual({ message });
    expect(
      missing(state, ask(cat, { id: 'k1', type: 'SendMessage', content: says('k1'), mentions: [] })),
    ).toEqual({ send: `${cat}/k1` });
    expect(missing(state, ask(cat, { type: 'PinMessage', seq: state.revision }))).toBeUndefined();
  });

  it('is bounded in bytes too', () => {
    const state = fold(group);
    for (let n = 0; n < 100; n += 1) evolve(state, sent(cat, `k${n}`, 'x'.repeat(50_000)));
    expect(state.windowBytes).toBeLessThanOrEqual(messageWindow.bytes);
  });
});
