import type { ConversationSummary, Mark } from '../../gateways/protocol.ts';
import { NAMED_RECEIPTS } from '../../gateways/protocol.ts';
import { publicMark } from '../../domain/receipts.ts';
import type { FuzzDevice } from './delivery-device.ts';
import { type Truth, membersIn, namesIn, unreadFor, visibleTo } from './delivery-model.ts';

/** What the devices of a world know otherwise than the log says it, or do not know. */
export const checkDevices = (devices: readonly FuzzDevice[], truth: Truth): string[] =>
  devices.flatMap((device) => [
    ...checkEvents(device, truth),
    ...checkSent(device, truth),
    ...checkReceipts(device, truth),
    ...checkDrafts(device, devices),
  ]);

const checkEvents = ({ name, userId, memory }: FuzzDevice, { conversations }: Truth): string[] => {
  const wrong: string[] = [];
  const { known } = memory();
  for (const [conversationId, events] of conversations) {
    const mine = known.get(conversationId);
    const isMember = membersIn(events).has(userId);
    if (!mine) {
      if (isMember) wrong.push(`${name} does not know ${conversationId}`);
      continue;
    }
    const last = mine.from + mine.events.length - 1;
    const visible = visibleTo(events, userId);
    if (last !== visible)
      wrong.push(`${name} has ${conversationId} from ${mine.from} to ${last}, and should to ${visible}`);
    for (const { seq, event } of mine.events)
      if (JSON.stringify(events[seq]) !== JSON.stringify(event))
        wrong.push(`${name}: ${conversationId}/${seq} is not what the log says`);
  }
  for (const conversationId of known.keys())
    if (!conversations.has(conversationId)) wrong.push(`${name} knows ${conversationId}, which is not there`);
  return wrong;
};

/** What was acknowledged is there, once. */
const checkSent = ({ name, userId, sent }: FuzzDevice, { conversations }: Truth): string[] => {
  const wrong: string[] = [];
  for (const { id, answer } of sent) {
    if (!('seq' in answer)) continue;
    const events = conversations.get(answer.conversationId) ?? [];
    const named = events.flatMap((event, seq) =>
      event.type === 'MessageSent' && event.by === userId && event.clientId === id ? [seq] : [],
    );
    if (answer.seq >= events.length)
      wrong.push(`${name}: ${id} was acknowledged as ${answer.seq}, and is lost`);
    if (named.length > 1) wrong.push(`${name}: ${id} is there as ${named.join(' and ')}`);
    if (named.length === 1 && named[0] !== answer.seq)
      wrong.push(`${name}: ${id} is ${named[0]}, acknowledged as ${answer.seq}`);
  }
  return wrong;
};

const checkReceipts = (
  { name, userId, memory }: FuzzDevice,
  { conversations, receipts }: Truth,
): string[] => {
  const wrong: string[] = [];
  const { marked, receipts: told, levels, known } = memory();
  for (const [conversationId, events] of conversations) {
    const members = membersIn(events);
    const mine = known.get(conversationId);
    if (!members.has(userId) || !mine) continue;
    const marks = receipts.get(conversationId) ?? new Map<string, never>();
    const own = marks.get(userId);
    const here = marked.get(conversationId);
    // A device that has begun with the views has its own mark from there.
    if (own && here && (here.read !== own.read || here.delivered !== own.delivered))
      wrong.push(
        `${name}: own mark of ${conversationId} is ${JSON.stringify(here)}, in the log ${JSON.stringify(own)}`,
      );
    const lastOfOthers = mine.events.findLast(
      ({ event }) => event.type === 'MessageSent' && event.by !== userId,
    );
    if (lastOfOthers && (own?.delivered ?? -1) < lastOfOthers.seq && lastOfOthers.seq >= mine.from)
      wrong.push(
        `${name}: ${conversationId}/${lastOfOthers.seq} has come and is not marked: ${JSON.stringify(own)}`,
      );
    if (members.size > NAMED_RECEIPTS) {
      const delivered = [...marks.values()].filter((mark) => members.has(mark.userId)).length;
      const counted = levels.get(conversationId)?.delivered.at(-1)?.count;
      if (counted !== undefined && counted !== delivered)
        wrong.push(`${name}: ${counted} have come anywhere in ${conversationId}, in the log ${delivered}`);
      continue;
    }
    for (const mark of told.get(conversationId)?.values() ?? []) {
      const logged = marks.get(mark.userId);
      if (!members.has(mark.userId)) continue;
      if (!logged || !sameMark(publicMark(logged), mark))
        wrong.push(
          `${name}: receipt of ${conversationId} is ${JSON.stringify(mark)}, in the log ${JSON.stringify(logged)}`,
        );
    }
  }
  return wrong;
};

const sameMark = (a: Mark, b: Mark) => a.delivered === b.delivered && a.read === b.read;

/** All devices of somebody show the same unfinished texts. */
const checkDrafts = (device: FuzzDevice, devices: readonly FuzzDevice[]): string[] => {
  const others = devices.filter((other) => other !== device && other.userId === device.userId);
  return others.flatMap((other) =>
    [...device.memory().drafts].flatMap(([conversationId, draft]) => {
      const theirs = other.memory().drafts.get(conversationId);
      // What a device wrote itself it is not told again.
      return theirs && theirs.at === draft.at && theirs.text !== draft.text
        ? [`${device.name} and ${other.name} differ on the draft of ${conversationId}`]
        : [];
    }),
  );
};

/** What the views say otherwise than the log. */
export const checkViews = async (devices: readonly FuzzDevice[], truth: Truth): Promise<string[]> => {
  const people = new Map(devices.map((device) => [device.userId, device]));
  const wrong: string[] = [];
  for (const [userId, device] of people) {
    const { conversations } = await device.client().api.conversations();
    const listed = new Map(conversations.map((summary) => [summary.conversationId, summary]));
    for (const [conversationId, events] of truth.conversations) {
      const summary = listed.get(conversationId);
      if (!membersIn(events).has(userId)) {
        if (summary) wrong.push(`${device.name} is listed ${conversationId}, and is no member`);
      } else if (!summary) wrong.push(`${device.name} is not listed ${conversationId}`);
      else
        wrong.push(
          ...checkSummary(device, summary, events, truth.receipts.get(conversationId)?.get(userId)?.read),
        );
    }
  }
  return wrong;
};

const checkSummary = (
  { name, userId }: FuzzDevice,
  { conversationId, lastSeq, title, topic, unread, mentions, read }: ConversationSummary,
  events: Parameters<typeof unreadFor>[0],
  readInLog: number | undefined,
): string[] => {
  const expected = { lastSeq: events.length - 1, ...namesIn(events), read: readInLog };
  const found = { lastSeq, ...(title && { title }), ...(topic && { topic }), read };
  const wrong =
    JSON.stringify(found) === JSON.stringify(expected)
      ? []
      : [`${name}: ${conversationId} is listed as ${JSON.stringify(found)}, not ${JSON.stringify(expected)}`];
  const counted = unreadFor(events, userId, readInLog);
  return counted.unread === unread && counted.mentions === mentions
    ? wrong
    : [
        ...wrong,
        `${name}: ${conversationId} has ${unread} unread and ${mentions} mentions, not ${JSON.stringify(counted)}`,
      ];
};
