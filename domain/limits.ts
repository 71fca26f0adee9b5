/** What a conversation may hold. Settings can't change these: clients and adapters rely on them. */
export const limits = {
  /** People in one conversation. */
  members: 1000,
  /** People on one ban list. */
  bans: 10_000,
  /** UTF-8 bytes of a message's text. */
  textBytes: 64 * 1024,
  /** UTF-16 units of a title. */
  title: 120,
  /** UTF-16 units of a topic. */
  topic: 1000,
  /** UTF-16 units of the reason of a redaction. */
  reason: 500,
  /** Pinned messages of one conversation. */
  pins: 100,
  /** Different emoji on one message. */
  emoji: 20,
  /** Reactions on one message, of all people together: a row of a view has 400 KiB at the most. */
  reactions: 5000,
  /** People mentioned by one message. */
  mentions: 100,
  /** Characters of a client's id of a command. */
  commandId: 100,
  /** UTF-16 units of a draft. */
  draft: 16 * 1024,
  /** Conversations whose presence one socket watches. */
  watched: 100,
} as const;
