import { type EventStore, type RecordedEvent, START } from '../../domain/ports/event-store.ts';
import type { SyncToken } from '../protocol.ts';
import { Refusal } from '../rejections.ts';

/**
 * A place in the log: the position of an event, and the first 8 hex digits of its id, which tell another history from
 * this one. At START there is no event.
 */
export type LogMark = { readonly position: string; readonly fingerprint: string };

/** A token is this text in base64url; whoever changes it takes another version. */
const VERSION = '1';
const TEXT = /^1([0-9a-f]{8})?\.([\x21-\x7e]{0,100})$/;

export const startMark: LogMark = { position: START, fingerprint: '' };

export const markOf = ({ position, id }: Pick<RecordedEvent, 'position' | 'id'>): LogMark => ({
  position,
  fingerprint: id.slice(0, 8),
});

/** The newest place in the log. */
export const endOf = async (store: Pick<EventStore, 'end' | 'at'>): Promise<LogMark> => {
  const last = await store.at(await store.end());
  return last ? markOf(last) : startMark;
};

export const encodeSync = ({ position, fingerprint }: LogMark): SyncToken =>
  Buffer.from(`${VERSION}${fingerprint}.${position}`, 'latin1').toString('base64url');

/** Undefined for what is no token. */
export const decodeSync = (token: SyncToken): LogMark | undefined => {
  if (!/^[\w-]+$/.test(token)) return undefined;
  const [, fingerprint = '', position] = TEXT.exec(Buffer.from(token, 'base64url').toString('latin1')) ?? [];
  if (position === undefined || (position === START) !== (fingerprint === '')) return undefined;
  return { position, fingerprint };
};

/** Where a device has come to. The refusal says why its token is of no use: nothing, or another history than ours. */
export const resolveSync = async (
  store: Pick<EventStore, 'at'>,
  token: SyncToken,
): Promise<LogMark | Refusal> => {
  const mark = decodeSync(token);
  if (!mark) return new Refusal('sync_token_invalid');
  if (mark.position === START) return mark;
  const event = await store.at(mark.position);
  return event && markOf(event).fingerprint === mark.fingerprint ? mark : new Refusal('sync_token_foreign');
};
