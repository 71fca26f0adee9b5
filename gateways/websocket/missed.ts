import type { EventStore, RecordedEvent } from '../../domain/ports/event-store.ts';

/** A stretch of the log: after a position, up to and including another one. */
export type Stretch = { readonly after: string; readonly upTo: string };

/** How much may be read. */
export type Most = { readonly events: number; readonly bytes: number };

/**
 * The events of a stream in a stretch, oldest first. Of more than `most` none is given, only the revision of the last one
 * before them; `last` is the revision of the newest in the stretch. Undefined: there are none.
 */
export type Missed =
  | { readonly events: readonly RecordedEvent[] }
  | { readonly before: number; readonly last: number };

const PAGE = 64;

/** `lastRevision`: nothing after it is looked at. Usually it takes one read. */
export const missedOf = async (
  store: Pick<EventStore, 'read'>,
  stream: string,
  { after, upTo }: Stretch,
  most: Most,
  lastRevision?: number,
): Promise<Missed | undefined> => {
  const found: RecordedEvent[] = [];
  let bytes = 0;
  let from = lastRevision;
  let reading = true;
  // Backwards from the end, page by page.
  while (reading && found.length <= most.events && bytes <= most.bytes) {
    const page = await store.read(stream, {
      ...(from !== undefined && { from }),
      backwards: true,
      limit: PAGE,
    });
    for (const event of page) {
      if (event.position <= after) reading = false;
      if (!reading) break;
      if (event.position > upTo) continue;
      found.push(event);
      bytes += event.data.byteLength;
    }
    from = (page.at(-1)?.revision ?? 0) - 1;
    if (page.length < PAGE || from < 0) reading = false;
  }
  const [newest] = found;
  const oldest = found.at(-1);
  if (!newest || !oldest) return undefined;
  if (found.length <= most.events && bytes <= most.bytes) return { events: found.reverse() };
  return { before: (await firstAfter(store, stream, after, oldest.revision)) - 1, last: newest.revision };
};

/** The first revision after a position, by halves; `known` is one after it. */
const firstAfter = async (
  store: Pick<EventStore, 'read'>,
  stream: string,
  after: string,
  known: number,
): Promise<number> => {
  let before = -1;
  let first = known;
  while (before + 1 < first) {
    const middle = Math.floor((before + first) / 2);
    const [event] = await store.read(stream, { from: Math.max(middle, 0), limit: 1 });
    if (!event || event.position > after) first = middle;
    else before = event.revision;
  }
  return first;
};
