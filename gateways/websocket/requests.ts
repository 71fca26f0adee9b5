import type { Execute } from '../../commands/execute.ts';
import type { MarkRequest } from '../../commands/mark.ts';
import type { Meta } from '../../domain/codec.ts';
import type { ConversationId, Seq } from '../../domain/id.ts';
import { type Rejection, isRejection } from '../../domain/rejection.ts';
import type { ClientFrame, ErrorBody, ServerFrame } from '../protocol.ts';
import { Refusal, errorBodyOf, rateLimited } from '../rejections.ts';
import type { Asking, Limiter } from './limiter.ts';
import type { Rooms, Seat } from './rooms.ts';

export type RequestDeps = {
  readonly rooms: Pick<Rooms, 'of'>;
  readonly execute: Execute;
  /** Resolves when it is accepted. */
  readonly marks: { mark(request: MarkRequest): Promise<Rejection | undefined> };
  readonly typing: { say(seat: Seat, conversationId: ConversationId, on: boolean): void };
  readonly presence: {
    set(seat: Seat, state: 'online' | 'away'): void;
    watch(seat: Seat, conversationIds: readonly ConversationId[]): void;
  };
  /** Resolves when it is stored. */
  readonly drafts: {
    put(
      seat: Seat,
      draft: { conversationId: ConversationId; text: string; replyTo?: Seq | undefined },
    ): Promise<void>;
  };
  readonly limiter: Limiter;
  readonly onError: (error: unknown, correlationId: string) => void;
};

/** What one socket may have waiting for an answer of each kind. */
export const requestLimits = { commands: 256, others: 256 } as const;

export type Request = Exclude<ClientFrame, { type: 'hello' | 'ping' }>;
type CommandFrame = Extract<Request, { type: 'command' }>;

export type Reply = {
  send(frame: ServerFrame): void;
  refuse(id: string | undefined, body: ErrorBody): void;
};

/** What a signed-in socket asks for. `onIdle` is called when the last command has been answered. */
export const createRequests = (
  seat: Seat,
  { address, correlationId }: { address: string; correlationId: string },
  reply: Reply,
  deps: RequestDeps,
  onIdle: () => void,
) => {
  const asking: Asking = { userId: seat.userId, deviceId: seat.deviceId, address };
  const meta: Meta = { correlationId, deviceId: seat.deviceId };
  let commands = 0;
  let others = 0;

  const fail = (id: string | undefined, error: unknown) => {
    const body = errorBodyOf(error);
    if (body.code === 'internal') deps.onError(error, correlationId);
    reply.refuse(id, body);
  };
  const tooMany = (id: string | undefined, count: number) =>
    fail(id, new Refusal('overloaded', `${count} requests of this socket are waiting; await some`));

  const command = async ({ id, command: wish }: CommandFrame, limit: Limiting) => {
    commands += 1;
    try {
      const limited = limit instanceof Promise ? await limit : limit;
      if (limited) return reply.refuse(id, errorBodyOf(rateLimited(limited)));
      const answer = await deps.execute({ id, by: seat.userId, meta }, wish);
      if (isRejection(answer)) reply.refuse(id, errorBodyOf(answer));
      else reply.send({ type: 'ack', id, ...answer });
    } catch (error) {
      fail(id, error);
    } finally {
      commands -= 1;
      if (commands === 0) onIdle();
    }
  };

  const other = async (frame: Exclude<Request, CommandFrame>, limit: Limiting) => {
    others += 1;
    try {
      const limited = limit instanceof Promise ? await limit : limit;
      if (limited) return reply.refuse(undefined, errorBodyOf(rateLimited(limited)));
      const rejection = await perform(frame);
      if (rejection) reply.refuse(undefined, errorBodyOf(rejection));
    } catch (error) {
      fail(undefined, error);
    } finally {
      others -= 1;
    }
  };

  const isIn = (conversationId: ConversationId) => deps.rooms.of(seat).has(conversationId);

  const perform = (
    frame: Exclude<Request, CommandFrame>,
  ): undefined | void | Promise<Rejection | undefined | void> => {
    switch (frame.type) {
      case 'mark':
        return deps.marks.mark({
          by: seat.userId,
          conversationId: frame.conversationId,
          delivered: frame.delivered,
          read: frame.read,
        });
      case 'typing':
        if (!isIn(frame.conversationId)) throw new Refusal('conversation_not_found');
        return deps.typing.say(seat, frame.conversationId, frame.on);
      case 'draft':
        if (!isIn(frame.conversationId)) throw new Refusal('conversation_not_found');
        return deps.drafts.put(seat, frame);
      case 'presence':
        return deps.presence.set(seat, frame.state);
      case 'watch':
        return deps.presence.watch(seat, frame.conversationIds.filter(isIn));
    }
  };

  return {
    /** How many commands wait for their answer. */
    waiting: () => commands,
    handle(frame: Request): Promise<void> | void {
      if (frame.type === 'command') {
        if (commands >= requestLimits.commands) return tooMany(frame.id, commands);
        const { command: wish } = frame;
        const about = 'conversationId' in wish ? wish.conversationId : undefined;
        return command(frame, deps.limiter.take(asking, about));
      }
      if (others >= requestLimits.others) return tooMany(undefined, others);
      return other(frame, deps.limiter.inPassing(asking));
    },
  };
};

export type Requests = ReturnType<typeof createRequests>;

type Limiting = ReturnType<Limiter['take']>;
