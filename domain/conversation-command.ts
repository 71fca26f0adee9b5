import type { Content, Role } from './conversation-event.ts';
import type { Seq, Timestamp, UserId } from './id.ts';

/** Who asks, when, and the client's name for this request: the same id from the same person is the same request. */
export type Asked = { readonly id: string; readonly by: UserId; readonly at: Timestamp };

type Wish =
  | { readonly type: 'StartDirect'; readonly with: UserId }
  | {
      readonly type: 'CreateGroup';
      readonly title: string;
      readonly topic?: string | undefined;
      readonly members: readonly UserId[];
    }
  | { readonly type: 'AddMembers'; readonly userIds: readonly UserId[]; readonly role?: Role | undefined }
  | { readonly type: 'LeaveConversation' }
  | { readonly type: 'RemoveMember'; readonly userId: UserId }
  | { readonly type: 'BanMember'; readonly userId: UserId }
  | { readonly type: 'UnbanMember'; readonly userId: UserId }
  | { readonly type: 'ChangeRole'; readonly userId: UserId; readonly role: Role }
  | { readonly type: 'RenameConversation'; readonly title: string }
  | { readonly type: 'SetTopic'; readonly topic: string }
  | {
      readonly type: 'SendMessage';
      readonly content: Content;
      readonly replyTo?: Seq | undefined;
      readonly mentions: readonly UserId[];
    }
  | {
      readonly type: 'EditMessage';
      readonly seq: Seq;
      readonly content: Content;
      readonly mentions: readonly UserId[];
    }
  | { readonly type: 'RedactMessage'; readonly seq: Seq; readonly reason?: string | undefined }
  | { readonly type: 'AddReaction'; readonly seq: Seq; readonly emoji: string }
  | { readonly type: 'RemoveReaction'; readonly seq: Seq; readonly emoji: string }
  | { readonly type: 'PinMessage'; readonly seq: Seq }
  | { readonly type: 'UnpinMessage'; readonly seq: Seq };

export type ConversationCommand = Asked & Wish;
export type CommandOf<T extends ConversationCommand['type']> = Extract<ConversationCommand, { type: T }>;
