import { receiptsStreams } from '../domain/codec.ts';
import type { ConversationId, UserId } from '../domain/id.ts';
import type { Change, Item, Tables } from '../domain/ports/tables.ts';
import type { Progress, ReceiptsEvent } from '../domain/receipts.ts';
import { collect, type Projection, type Sequenced } from './projection.ts';

/**
 * How far people have come. pk = conversationId, sk = userId: delivered, read?, shown?; and sk = '~': position (of the newest
 * event), since (the newest event that said everything: rows of before it are over).
 */
export const receipts: Projection<ReceiptsEvent> = {
  name: 'receipts',
  streams: receiptsStreams,
  apply: (sequenced) => changesOf(sequenced),
};

/** After every ULID. */
const NEWEST = '~';
const newestOf = (conversationId: ConversationId) => ({ pk: conversationId, sk: NEWEST });

const changesOf = ({
  conversationId,
  seq: revision,
  position,
  event: { marks, others },
}: Sequenced<ReceiptsEvent>): readonly Change[] => {
  const rows = [...(others ?? []), ...marks].map(({ userId, ...reached }): Change => {
    const item = { pk: conversationId, sk: userId, revision, ...given(reached) };
    return { op: 'put', table: receipts.name, item };
  });
  const key = newestOf(conversationId);
  const newest: Change =
    others || revision === 0
      ? { op: 'put', table: receipts.name, item: { ...key, revision, position, since: revision } }
      : { op: 'update', table: receipts.name, key, revision, set: { position } };
  return [...rows, newest];
};

const given = ({ delivered, read, shown }: Omit<Progress, 'userId'>) => ({
  delivered,
  ...(read !== undefined && { read }),
  ...(shown !== undefined && { shown }),
});

/** How far everybody has come who has come anywhere; also who has left since. */
export const marksOf = async (tables: Tables, conversationId: ConversationId): Promise<Progress[]> => {
  const items = await collect(tables, receipts.name, conversationId);
  const newest = items.find(({ sk }) => sk === NEWEST);
  return items.flatMap((item) => markOf(item, newest) ?? []);
};

/** How far somebody has come, in the order of the ids. At most 5,000. */
export const mine = async (
  tables: Tables,
  userId: UserId,
  conversationIds: readonly ConversationId[],
): Promise<(Progress | undefined)[]> => {
  const keys = conversationIds.flatMap((pk) => [newestOf(pk), { pk, sk: userId }]);
  const items = await tables.get(receipts.name, keys);
  return conversationIds.map((_, i) => markOf(items[2 * i + 1], items[2 * i]));
};

/** Those whose receipts have moved after a position of the log. At most 10,000. */
export const changedSince = async (
  tables: Tables,
  conversationIds: readonly ConversationId[],
  position: string,
): Promise<ConversationId[]> => {
  const items = await tables.get(receipts.name, conversationIds.map(newestOf));
  return conversationIds.filter((_, i) => ((items[i]?.['position'] ?? '') as string) > position);
};

const markOf = (item: Item | undefined, newest: Item | undefined): Progress | undefined => {
  if (!item || item === newest || item.revision < ((newest?.['since'] ?? 0) as number)) return undefined;
  const { sk: userId, delivered, read, shown } = item;
  return { userId, ...given({ delivered, read, shown } as Omit<Progress, 'userId'>) };
};
