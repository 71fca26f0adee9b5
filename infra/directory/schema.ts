import type { User } from '../../domain/ports/directory.ts';

/** The tables of migrations.ts. Times are ms; a dialect must give 64-bit integers as numbers. */
export type DirectoryTables = {
  people: {
    user_id: string;
    username: string;
    username_key: string;
    display_name: string;
    role: User['role'];
    created_at: number;
    password_hash: string | null;
  };
  people_words: { word: string; source: number; user_id: string };
  devices: {
    device_id: string;
    user_id: string;
    name: string;
    created_at: number;
    last_seen_at: number;
    revoked: number;
  };
  refresh_tokens: { token_hash: string; device_id: string; expires_at: number; replaced: number };
  signing_keys: { kid: string; created_at: number; private_jwk: string; public_jwk: string };
  last_seen: { user_id: string; at: number };
  /** Null: as usual. */
  preferences: { user_id: string; share_read_receipts: number | null; share_presence: number | null };
  /** An empty text remembers that the draft was removed. */
  drafts: { user_id: string; conversation_id: string; text: string; reply_to: number | null; at: number };
  invitations: { code_hash: string; created_by: string; uses_left: number; expires_at: number };
};
