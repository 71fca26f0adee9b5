import { describe, expect, it } from 'vitest';
import { decide } from './conversation.ts';
import type { ConversationCommand } from './conversation-command.ts';
import type { ConversationEvent, Role } from './conversation-event.ts';
import { evolve, forget, formerLimit, initial, messageWindow, missing } from './conversation-state.ts';
import { SYSTEM } from './id.ts';
import { limits } from './limits.ts';
import { isRejection } from './rejection.ts';

const person = (n: number) => `01${String(n).padStart(24, '0')}`;
const [ann, ben, cat, dan] = [person(1), person(2), person(3), person(4)] as const;
const at = 1_700_000_000_000;
let ids = 0;

type Plain<T> = T extends unknown ? Omit<T, 'id' | 'by' | 'at'> & { id?: string } : never;
const ask = (by: string, wish: Plain<ConversationCommand>): ConversationCommand => ({
  id: `c${ids++}`,
  by,
  at,
  ...wish,
});
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
      emits: (...expected: object[]) => {
        if (isRejection(decision)) throw new Error(`refused: ${decision.rejected} (${decision.detail})`);
        expect(decision.events).toEqual(expected.map((event) => expect.objectContaining(event)));
        return decision;
      },
      refuses: (code: string) => expect(decision).toMatchObject({ rejected: code }),
    };
  },
});

describe('starting', () => {
  it('a direct conversation makes both people members', () => {
    given([])
      .when(ask(ann, { type: 'StartDirect', with: ben }))
      .emits(
        { type: 'ConversationCreated', kind: 'direct' },
        { userId: ann, role: 'member' },
        { userId: ben, role: 'member' },
      );
  });
  it('a direct conversation that is there changes nothing', () => {
    given(direct)
      .when(ask(ben, { type: 'StartDirect', with: ann }))
      .emits();
  });
  it('a direct conversation with oneself is refused', () => {
    given([])
      .when(ask(ann, { type: 'StartDirect', with: ann }))
      .refuses('direct_with_self');
  });
  it('a group makes its founder the owner, and nobody a member twice', () => {
    given([])
      .when(ask(ann, { type: 'CreateGroup', title: 'Friends', members: [ben, ann, ben] }))
      .emits(
        { type: 'ConversationCreated', title: 'Friends' },
        { userId: ann, role: 'owner' },
        { userId: ben, role: 'member' },
      );
  });
  it('the same group again changes nothing, and under another title is refused', () => {
    given(group)
      .when(ask(ann, { type: 'CreateGroup', title: 'Friends', members: [] }))
      .emits();
    given(group)
      .when(ask(ann, { type: 'CreateGroup', title: 'Foes', members: [] }))
      .refuses('client_id_reused');
  });
  it('a group of more than 1000 is refused', () => {
    const members = Array.from({ length: limits.members }, (_, n) => person(100 + n));
    given([])
      .when(ask(ann, { type: 'CreateGroup', title: 'All', members }))
      .refuses('too_many_members');
  });
});

describe('members', () => {
  it('add people once', () => {
    given(group)
      .when(ask(cat, { type: 'AddMembers', userIds: [dan, ben, dan] }))
      .emits({ type: 'MemberJoined', userId: dan, by: cat });
  });
  it('can not add somebody above themselves', () => {
    given(group)
      .when(ask(cat, { type: 'AddMembers', userIds: [dan], role: 'admin' }))
      .refuses('not_allowed');
  });
  it('are at most 1000: the next one is refused', () => {
    const many = Array.from({ length: limits.members - 3 }, (_, n) => joined(person(100 + n)));
    given([...group, ...many])
      .when(ask(ann, { type: 'AddMembers', userIds: [dan] }))
      .refuses('too_many_members');
    given([...group, ...many])
      .when(ask(ann, { type: 'AddMembers', userIds: [cat] }))
      .emits();
    given([...group, ...many.slice(1)])
      .when(ask(ann, { type: 'AddMembers', userIds: [dan] }))
      .emits({ userId: dan });
  });
  it('who are banned do not come back before the ban is lifted', () => {
    const banned: ConversationEvent[] = [...group, { type: 'MemberBanned', by: ann, at, userId: cat }];
    given(banned)
      .when(ask(ben, { type: 'AddMembers', userIds: [cat] }))
      .refuses('member_banned');
    given(banned)
      .when(ask(ben, { type: 'UnbanMember', userId: cat }))
      .emits({ type: 'MemberUnbanned' });
    given(banned)
      .when(ask(cat, { type: 'SendMessage', content: says('x'), mentions: [] }))
      .refuses('conversation_not_found');
  });
  it('get a role with joining from owners only', () => {
    given(group)
      .when(ask(ben, { type: 'AddMembers', userIds: [dan], role: 'admin' }))
      .refuses('not_allowed');
    given(group)
      .when(ask(ann, { type: 'AddMembers', userIds: [dan], role: 'admin' }))
      .emits({ userId: dan, role: 'admin' });
  });
  it('who have left may say so again, and nobody else', () => {
    const left: ConversationEvent[] = [...group, { type: 'MemberLeft', by: cat, at, userId: cat }];
    given(left)
      .when(ask(cat, { type: 'LeaveConversation' }))
      .emits();
    given(left)
      .when(ask(dan, { type: 'LeaveConversation' }))
      .refuses('conversation_not_found');
  });
  it('leave, and the last owner passes the group on', () => {
    given(group)
      .when(ask(cat, { type: 'LeaveConversation' }))
      .emits({ type: 'MemberLeft', userId: cat });
    given(group)
      .when(ask(ann, { type: 'LeaveConversation' }))
      .emits(
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
      const decision = decide(fold(group), ask(by, { type, userId }));
      const event = { type: type === 'BanMember' ? 'MemberBanned' : 'MemberRemoved', userId };
      expect(decision).toMatchObject(code ? { rejected: code } : { events: [event] });
    }
  });
  it('get roles from owners only', () => {
    given(group)
      .when(ask(ann, { type: 'ChangeRole', userId: cat, role: 'admin' }))
      .emits({ type: 'MemberRoleChanged', role: 'admin' });
    given(group)
      .when(ask(ann, { type: 'ChangeRole', userId: cat, role: 'member' }))
      .emits();
    given(group)
      .when(ask(ben, { type: 'ChangeRole', userId: cat, role: 'admin' }))
      .refuses('not_allowed');
    given(group)
      .when(ask(ann, { type: 'ChangeRole', userId: dan, role: 'admin' }))
      .refuses('not_a_member');
  });
  it('of a direct conversation stay who they are', () => {
    for (const wish of [
      { type: 'AddMembers', userIds: [cat] },
      { type: 'LeaveConversation' },
      { type: 'RemoveMember', userId: ben },
      { type: 'RenameConversation', title: 'x' },
      { type: 'SetTopic', topic: 'x' },
    ] as const) {
      given(direct).when(ask(ann, wish)).refuses('direct_is_fixed');
    }
  });
  it('rename and set the topic when they are owner or admin', () => {
    given(group)
      .when(ask(ben, { type: 'RenameConversation', title: 'Pals' }))
      .emits({ type: 'ConversationRenamed', title: 'Pals' });
    given(group)
      .when(ask(cat, { type: 'RenameConversation', title: 'Pals' }))
      .refuses('not_allowed');
    given(group)
      .when(ask(ann, { type: 'SetTopic', topic: 'cake' }))
      .emits({ type: 'TopicChanged', topic: 'cake' });
    given(group)
      .when(ask(ann, { type: 'SetTopic', topic: '' }))
      .emits();
  });
  it('alone may do anything: to others there is no such conversation', () => {
    given(group)
      .when(ask(dan, { type: 'SendMessage', content: says('x'), mentions: [] }))
      .refuses('conversation_not_found');
    given([])
      .when(ask(dan, { type: 'SendMessage', content: says('x'), mentions: [] }))
      .refuses('conversation_not_found');
  });
});

describe('messages', () => {
  const talk = [...group, sent(cat, 'k1', 'hello')];

  it('are sent, and mention members only', () => {
    given(group)
      .when(ask(cat, { id: 'k1', type: 'SendMessage', content: says('hi'), mentions: [ben, dan, ben] }))
      .emits({ type: 'MessageSent', clientId: 'k1', mentions: [ben] });
  });
  it('are sent once: the repeat names the first one, even when its sender has left', () => {
    const again = ask(cat, { id: 'k1', type: 'SendMessage', content: says('hello'), mentions: [] });
    expect(given(talk).when(again).emits().seq).toBe(message);
    expect(
      given([...talk, { type: 'MemberLeft', by: cat, at, userId: cat }])
        .when(again)
        .emits().seq,
    ).toBe(message);
  });
  it('are sent once even after an edit, and their id is no good for another text', () => {
    const edited: ConversationEvent[] = [
      ...talk,
      { type: 'MessageEdited', by: cat, at, seq: message, content: says('bye'), mentions: [] },
    ];
    given(edited)
      .when(ask(cat, { id: 'k1', type: 'SendMessage', content: says('hello'), mentions: [] }))
      .emits();
    given(edited)
      .when(ask(cat, { id: 'k1', type: 'SendMessage', content: says('bye'), mentions: [] }))
      .refuses('client_id_reused');
    given(edited)
      .when(ask(ben, { id: 'k1', type: 'SendMessage', content: says('bye'), mentions: [] }))
      .emits({ by: ben });
  });
  it('reply to messages only', () => {
    given(talk)
      .when(ask(ben, { type: 'SendMessage', content: says('x'), replyTo: message, mentions: [] }))
      .emits({ replyTo: message });
    given(talk)
      .when(ask(ben, { type: 'SendMessage', content: says('x'), replyTo: 1, mentions: [] }))
      .refuses('message_not_found');
    given(talk)
      .when(ask(ben, { type: 'SendMessage', content: says('x'), replyTo: 99, mentions: [] }))
      .refuses('message_not_found');
  });
  it('are edited by their sender, once for the same text', () => {
    given(talk)
      .when(ask(cat, { type: 'EditMessage', seq: message, content: says('hi'), mentions: [] }))
      .emits({ type: 'MessageEdited' });
    given(talk)
      .when(ask(cat, { type: 'EditMessage', seq: message, content: says('hello'), mentions: [] }))
      .emits();
    given(talk)
      .when(ask(ann, { type: 'EditMessage', seq: message, content: says('hi'), mentions: [] }))
      .refuses('not_the_sender');
  });
  it('are edited to mention somebody else', () => {
    given(talk)
      .when(ask(cat, { type: 'EditMessage', seq: message, content: says('hello'), mentions: [ben, dan] }))
      .emits({ type: 'MessageEdited', mentions: [ben] });
  });
  it('are redacted by their sender, an admin or an owner, once, and stay so', () => {
    for (const by of [ann, ben, cat])
      given(talk)
        .when(ask(by, { type: 'RedactMessage', seq: message }))
        .emits({ type: 'MessageRedacted', by });
    given([...group, joined(dan), sent(cat, 'k1')])
      .when(ask(dan, { type: 'RedactMessage', seq: message + 1 }))
      .refuses('not_allowed');
    const redacted: ConversationEvent[] = [...talk, { type: 'MessageRedacted', by: cat, at, seq: message }];
    given(redacted)
      .when(ask(ann, { type: 'RedactMessage', seq: message }))
      .emits();
    given(redacted)
      .when(ask(cat, { type: 'EditMessage', seq: message, content: says('x'), mentions: [] }))
      .refuses('message_redacted');
    given(redacted)
      .when(ask(cat, { type: 'AddReaction', seq: message, emoji: '👍' }))
      .refuses('message_redacted');
    given(redacted)
      .when(ask(cat, { type: 'PinMessage', seq: message }))
      .refuses('message_redacted');
  });
  it('of the other one in a direct conversation are not redacted', () => {
    given([...direct, sent(ben, 'k')])
      .when(ask(ann, { type: 'RedactMessage', seq: direct.length }))
      .refuses('not_allowed');
  });
  it('get each reaction of a person once', () => {
    const reacted: ConversationEvent[] = [
      ...talk,
      { type: 'ReactionAdded', by: ben, at, seq: message, emoji: '👍' },
    ];
    given(talk)
      .when(ask(ben, { type: 'AddReaction', seq: message, emoji: '👍' }))
      .emits({ type: 'ReactionAdded' });
    given(reacted)
      .when(ask(ben, { type: 'AddReaction', seq: message, emoji: '👍' }))
      .emits();
    given(reacted)
      .when(ask(ann, { type: 'RemoveReaction', seq: message, emoji: '👍' }))
      .emits();
    given(reacted)
      .when(ask(ben, { type: 'RemoveReaction', seq: message, emoji: '👍' }))
      .emits({ type: 'ReactionRemoved' });
  });
  it(`get at most ${limits.emoji} different reactions`, () => {
    const many = Array.from(
      { length: limits.emoji },
      (_, n) => ({ type: 'ReactionAdded', by: ben, at, seq: message, emoji: `e${n}` }) as const,
    );
    given([...talk, ...many])
      .when(ask(ann, { type: 'AddReaction', seq: message, emoji: '👍' }))
      .refuses('too_many_reactions');
    given([...talk, ...many])
      .when(ask(ann, { type: 'AddReaction', seq: message, emoji: 'e3' }))
      .emits({ emoji: 'e3' });
  });
  it(`get at most ${limits.reactions} reactions of all people together`, () => {
    const full = Array.from(
      { length: limits.reactions },
      (_, n) => ({ type: 'ReactionAdded', by: person(n), at, seq: message, emoji: '👍' }) as const,
    );
    given([...talk, ...full])
      .when(ask(ann, { type: 'AddReaction', seq: message, emoji: '🎉' }))
      .refuses('too_many_reactions');
  });
  it(`are pinned once, at most ${limits.pins} of them, and not after a redaction`, () => {
    const pinned: ConversationEvent[] = [...talk, { type: 'MessagePinned', by: ann, at, seq: message }];
    given(talk)
      .when(ask(cat, { type: 'PinMessage', seq: message }))
      .emits({ type: 'MessagePinned' });
    given(pinned)
      .when(ask(cat, { type: 'PinMessage', seq: message }))
      .emits();
    given(pinned)
      .when(ask(cat, { type: 'UnpinMessage', seq: message }))
      .emits({ type: 'MessageUnpinned' });
    given([...pinned, { type: 'MessageRedacted', by: cat, at, seq: message }])
      .when(ask(cat, { type: 'UnpinMessage', seq: message }))
      .emits();
    given(talk)
      .when(ask(cat, { type: 'PinMessage', seq: 0 }))
      .refuses('message_not_found');
    const full = Array.from(
      { length: limits.pins },
      (_, n) => ({ type: 'MessagePinned', by: ann, at, seq: 1_000 + n }) as const,
    );
    given([...talk, ...full])
      .when(ask(cat, { type: 'PinMessage', seq: message }))
      .refuses('too_many_pins');
  });
});

describe('the state', () => {
  it('stays bounded, and says what it has dropped', () => {
    const state = fold(group);
    for (let n = 0; n < 3 * messageWindow.messages; n += 1) evolve(state, sent(cat, `k${n}`));
    expect(state.messages.size).toBe(messageWindow.messages);
    expect(state.sends.size).toBe(messageWindow.messages);
    forget(state);
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

  const messages = 100;
  const talk = [...group, ...Array.from({ length: messages }, (_, n) => sent(cat, `k${n}`))];
  const edited = (seq: number, length: number): ConversationEvent => ({
    type: 'MessageEdited',
    by: cat,
    at,
    seq,
    content: says('x'.repeat(length)),
    mentions: [],
  });
  const emoji = Array.from({ length: limits.emoji }, (_, n) => String.fromCodePoint(0x1f600 + n));
  const reacted = (seq: number, people: number) =>
    emoji.flatMap((one) =>
      Array.from(
        { length: people },
        (_, n) => ({ type: 'ReactionAdded', by: person(n), at, seq, emoji: one }) as const,
      ),
    );

  it('counts what messages became by edits and reactions', () => {
    const state = fold(talk);
    for (let seq = message; seq < message + messages; seq += 1) evolve(state, edited(seq, 50_000));
    const kept = [...state.messages.values()];
    const text = kept.reduce(
      (sum, { sent: first, content }) => sum + first.text.length + content.text.length,
      0,
    );
    expect(kept.length).toBeGreaterThan(10);
    expect(text).toBeLessThanOrEqual(messageWindow.bytes);
    forget(state);
    // With more than a window's worth of reactions, each dearer than a user id.
    for (const { seq } of kept) for (const one of reacted(seq, 100)) evolve(state, one);
    const reactions = [...state.messages.values()].reduce(
      (sum, one) => sum + [...one.reactions.values()].reduce((all, by) => all + by.size, 0),
      0,
    );
    expect(reactions).toBeGreaterThan(0);
    expect(reactions * ann.length).toBeLessThanOrEqual(messageWindow.bytes);
  });

  it('counts what is taken back no longer', () => {
    const state = fold(talk);
    const { windowBytes } = state;
    for (let round = 0; round < 100; round += 1) {
      evolve(state, edited(message, 60_000));
      const events = reacted(message, 2);
      for (const one of events) evolve(state, one);
      for (const one of events) evolve(state, { ...one, type: 'ReactionRemoved' });
      evolve(state, edited(message, 0));
    }
    for (const one of [edited(message, 60_000), ...reacted(message, 2)]) evolve(state, one);
    evolve(state, { type: 'MessageRedacted', by: cat, at, seq: message });
    expect(state.messages.size).toBe(messages);
    expect(state.windowBytes).toBe(windowBytes);
  });

  it('knows what an edit pushed out until it forgets', () => {
    const state = fold(talk);
    evolve(state, { type: 'MessageEdited', by: cat, at, seq: message, content: says('first'), mentions: [] });
    for (let seq = message + messages - 1; seq > message + 1; seq -= 1) evolve(state, edited(seq, 60_000));
    expect(state.messages.has(message)).toBe(false);
    const pin = ask(cat, { type: 'PinMessage', seq: message });
    const again = ask(cat, { type: 'EditMessage', seq: message, content: says('first'), mentions: [] });
    const repeat = ask(cat, { id: 'k0', type: 'SendMessage', content: says('k0'), mentions: [] });
    expect([pin, again, repeat].map((command) => missing(state, command))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(decide(state, again)).toEqual({ events: [] });
    expect(decide(state, repeat)).toEqual({ events: [], seq: message });
    forget(state);
    expect(missing(state, pin)).toEqual({ message });
  });

  it('needs nothing old for somebody who was never a member, and of somebody who left only what they sent', () => {
    const state = fold([...group, joined(dan)]);
    for (let n = 0; n < 2 * messageWindow.messages; n += 1) evolve(state, sent(cat, `k${n}`));
    forget(state);
    const wanted = (by: string) =>
      [
        ask(by, { id: 'k', type: 'SendMessage', content: says('k'), replyTo: message, mentions: [] }),
        ask(by, { type: 'EditMessage', seq: message, content: says('k'), mentions: [] }),
        ask(by, { type: 'RedactMessage', seq: message }),
        ask(by, { type: 'AddReaction', seq: message, emoji: '👍' }),
        ask(by, { type: 'PinMessage', seq: message }),
      ].map((command) => missing(state, command));
    const old = { message };
    expect(wanted(dan)).toEqual([{ send: `${dan}/k` }, old, old, old, old]);
    expect(wanted(person(5))).toEqual(Array(5).fill(undefined));
    evolve(state, { type: 'MemberLeft', by: dan, at, userId: dan });
    evolve(state, { type: 'MemberBanned', by: ann, at, userId: person(6) });
    expect(wanted(dan)).toEqual([{ send: `${dan}/k` }, ...Array(4).fill(undefined)]);
    expect(wanted(person(6))).toEqual(Array(5).fill(undefined));
    state.recalled.sends.set(`${dan}/k`, undefined);
    expect(wanted(dan)).toEqual(Array(5).fill(undefined));
    expect(wanted(SYSTEM)).toEqual([{ send: `${SYSTEM}/k` }, old, old, old, old]);
  });

  it('takes everybody for somebody who left once those are too many to be remembered', () => {
    const state = fold(group);
    for (let n = 0; n < 2 * messageWindow.messages; n += 1) evolve(state, sent(cat, `k${n}`));
    forget(state);
    for (let n = 0; n < formerLimit + 10; n += 1) {
      evolve(state, joined(person(100 + n)));
      evolve(state, { type: 'MemberLeft', by: ann, at, userId: person(100 + n) });
    }
    expect(state.former.size).toBe(formerLimit);
    const stranger = person(5);
    const send = ask(stranger, { id: 'k', type: 'SendMessage', content: says('k'), mentions: [] });
    expect(missing(state, send)).toEqual({ send: `${stranger}/k` });
  });
});
