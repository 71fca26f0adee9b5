import { z } from 'zod';
import { Content, ConversationEvent, Role } from '../../domain/conversation-event.ts';
import * as protocol from '../protocol.ts';

/** The schemas that documents refer to by name. */
const named = {
  Content,
  ConversationEvent,
  Role,
  ErrorBody: protocol.ErrorBody,
  User: protocol.User,
  Preferences: protocol.Preferences,
  Draft: protocol.Draft,
  Member: protocol.Member,
  Message: protocol.Message,
  Notice: protocol.Notice,
  TimelineItem: protocol.TimelineItem,
  TimelinePage: protocol.TimelinePage,
  ConversationSummary: protocol.ConversationSummary,
  ConversationDetail: protocol.ConversationDetail,
  SequencedEvent: protocol.SequencedEvent,
  EventsPage: protocol.EventsPage,
  Mark: protocol.Mark,
  Receipts: protocol.Receipts,
  MessageReceipts: protocol.MessageReceipts,
  Acknowledgement: protocol.Acknowledgement,
  SignUp: protocol.SignUp,
  SignIn: protocol.SignIn,
  Session: protocol.Session,
  Device: protocol.Device,
  Site: protocol.Site,
  Invitation: protocol.Invitation,
  PollRequest: protocol.PollRequest,
  PollAnswer: protocol.PollAnswer,
  Command: protocol.Command,
} as const satisfies Record<string, z.ZodType>;

/** Names the schemas where zod's JSON Schema looks for names. Again does nothing. */
export const nameSchemas = (): void => {
  for (const [id, schema] of Object.entries(named)) {
    const meta = z.globalRegistry.get(schema);
    // Readers of OpenAPI expect a type beside `oneOf`.
    const object = schema instanceof z.ZodDiscriminatedUnion && { type: 'object' };
    if (meta?.id === undefined) z.globalRegistry.add(schema, { ...meta, id, ...object });
  }
};
