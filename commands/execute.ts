import type { ConversationCommand } from '../domain/conversation-command.ts';
import type { ConversationId, UserId } from '../domain/id.ts';
import type { Meta } from '../domain/codec.ts';
import { DirectoryUnavailable, type People } from '../domain/ports/directory.ts';
import { type Rejection, reject } from '../domain/rejection.ts';
import { directId, groupId } from './conversation-id.ts';
import { type Acknowledgement, type Handle, Overloaded } from './handle.ts';

type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
type Unasked = Without<ConversationCommand, 'id' | 'by' | 'at'>;
type Founding = Extract<Unasked, { type: 'StartDirect' | 'CreateGroup' }>;

/** What a person wishes for: a command without its asker, and the conversation unless the command founds one. */
export type Wish = Founding | (Exclude<Unasked, Founding> & { readonly conversationId: ConversationId });

/** `id` names the request: repeated with the same id it is done once. */
export type Asker = { readonly id: string; readonly by: UserId; readonly meta?: Meta };

export type Execute = (asker: Asker, wish: Wish) => Promise<Acknowledgement | Rejection>;

export const executeLimits = { waitingPerConversation: 1_000, lookUpMs: 10_000 } as const;

type Deps = {
  readonly handle: Handle;
  readonly people: People;
  readonly now: () => number;
  readonly lookUpMs?: number;
};

/**
 * Carries out what people ask for: names the conversation, makes sure that new people exist, and hands the command on.
 * Throws `Overloaded`, and `DirectoryUnavailable` when the people can't be looked up in time.
 */
export const createExecute = ({
  handle,
  people: directory,
  now,
  lookUpMs = executeLimits.lookUpMs,
}: Deps): Execute => {
  // Looking people up takes a while: what comes later for the same conversation waits, so that it overtakes nothing.
  const lines = new Map<ConversationId, { waiting: number; last: Promise<unknown> }>();

  return async ({ id, by, meta }, wish) => {
    const conversationId = conversationOf(by, id, wish);
    const handOn = () => handle(conversationId, { ...wish, id, by, at: now() }, meta);
    const people = newPeople(wish);
    const line = lines.get(conversationId) ?? { waiting: 0, last: Promise.resolve() };
    if (people.length === 0 && line.waiting === 0) return handOn();
    if (line.waiting >= executeLimits.waitingPerConversation) {
      throw new Overloaded('too many commands are waiting; try again in a moment');
    }
    // All are looked up at once, so that nobody waits longer than one look-up may take.
    const lookedUp = inTime(unknown(directory, people), lookUpMs);
    const takeTurn = async (ahead: Promise<unknown>) => {
      try {
        await Promise.allSettled([ahead, lookedUp]);
        const stranger = await lookedUp;
        return { answer: stranger ? reject('user_not_found', `there is no account ${stranger}`) : handOn() };
      } finally {
        line.waiting -= 1;
        if (line.waiting === 0) lines.delete(conversationId);
      }
    };
    line.waiting += 1;
    lines.set(conversationId, line);
    const turn = takeTurn(line.last);
    line.last = turn;
    const { answer } = await turn;
    return answer;
  };
};

const inTime = <T>(work: Promise<T>, ms: number): Promise<T> =>
  new Promise((resolve, fail) => {
    const timer = setTimeout(
      () => fail(new DirectoryUnavailable(`the directory took longer than ${ms} ms`)),
      ms,
    );
    work.then(resolve, fail).finally(() => clearTimeout(timer));
  });

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
