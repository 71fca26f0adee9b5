import type { ConversationCommand } from '../domain/conversation-command.ts';
import type { ConversationId, UserId } from '../domain/id.ts';
import type { Meta } from '../domain/codec.ts';
import type { People } from '../domain/ports/directory.ts';
import { type Rejection, reject } from '../domain/rejection.ts';
import { directId, groupId } from './conversation-id.ts';
import type { Acknowledgement, Handle } from './handle.ts';

type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
type Unasked = Without<ConversationCommand, 'id' | 'by' | 'at'>;
type Founding = Extract<Unasked, { type: 'StartDirect' | 'CreateGroup' }>;

/** What a person wishes for: a command without its asker, and the conversation unless the command founds one. */
export type Wish = Founding | (Exclude<Unasked, Founding> & { readonly conversationId: ConversationId });

/** `id` names the request: repeated with the same id it is done once. */
export type Asker = { readonly id: string; readonly by: UserId; readonly meta?: Meta };

export type Execute = (asker: Asker, wish: Wish) => Promise<Acknowledgement | Rejection>;

/** Carries out what people ask for: names the conversation, makes sure that new people exist, and hands the command on. */
export const createExecute = (deps: { handle: Handle; people: People; now: () => number }): Execute => {
  // Looking people up takes a while: what comes later for the same conversation waits, so that it overtakes nothing.
  const last = new Map<ConversationId, Promise<unknown>>();

  return async ({ id, by, meta }, wish) => {
    const conversationId = conversationOf(by, id, wish);
    const handOn = () => deps.handle(conversationId, { ...wish, id, by, at: deps.now() }, meta);
    const ahead = last.get(conversationId);
    const people = newPeople(wish);
    if (people.length === 0 && !ahead) return handOn();

    const lookUp = async () => {
      await ahead?.catch(() => undefined);
      try {
        const stranger = await unknown(deps.people, people);
        return {
          answer: stranger ? reject('user_not_found', `there is no account ${stranger}`) : handOn(),
        };
      } finally {
        if (last.get(conversationId) === turn) last.delete(conversationId);
      }
    };
    const turn = lookUp();
    last.set(conversationId, turn);
    const { answer } = await turn;
    return answer;
  };
};

const conversationOf = (by: UserId, id: string, wish: Wish): ConversationId => {
  if (wish.type === 'StartDirect') return directId(by, wish.with);
  if (wish.type === 'CreateGroup') return groupId(by, id);
  return wish.conversationId;
};

const newPeople = (wish: Wish): readonly UserId[] => {
  if (wish.type === 'StartDirect') return [wish.with];
  if (wish.type === 'CreateGroup') return wish.members;
  if (wish.type === 'AddMembers') return wish.userIds;
  if (wish.type === 'BanMember') return [wish.userId];
  return [];
};

const unknown = async (people: People, userIds: readonly UserId[]): Promise<UserId | undefined> => {
  if (userIds.length === 0) return undefined;
  const found = await people.byId(userIds);
  return userIds.find((_, index) => !found[index]);
};
