import type { ConversationId, UserId } from '../../domain/id.ts';
import { type Progress, publicMark } from '../../domain/receipts.ts';
import type { ServerFrame, SyncToken } from '../../gateways/protocol.ts';
import { type ArrivalDeps, arrive } from '../../gateways/websocket/arrival.ts';
import { createHeldSeat } from '../../gateways/websocket/held-seat.ts';
import { decodeSync } from '../../gateways/websocket/sync-token.ts';
import { type World, isIn, membersOf, stays } from './resume-world.ts';

/** A device that keeps what it is told and its newest token, and loses its connection now and then. */
export const createDevice = (userId: UserId, deps: ArrivalDeps) => {
  let sync: SyncToken | undefined;
  let since: string | undefined;
  let leave: () => void = () => undefined;
  let heard = new Map<ConversationId, number>();
  const seen = new Map<ConversationId, Map<number, unknown>>();
  const named: { conversationId: ConversationId; after: number; lastSeq: number }[] = [];
  const marks = new Map<string, { delivered: number; read: number }>();
  const problems: string[] = [];

  const raise = (key: string, { delivered = -1, read = -1 }: { delivered?: number; read?: number }) => {
    const before = marks.get(key) ?? { delivered: -1, read: -1 };
    marks.set(key, {
      delivered: Math.max(before.delivered, delivered),
      read: Math.max(before.read, read),
    });
  };
  const take = (frame: ServerFrame) => {
    if (frame.type === 'events') {
      const { conversationId, events } = frame;
      const known = seen.get(conversationId) ?? new Map<number, unknown>();
      seen.set(conversationId, known);
      for (const { seq, event } of events) {
        if (seq <= (heard.get(conversationId) ?? -1)) problems.push(`${seq} came again, or too late`);
        heard.set(conversationId, seq);
        known.set(seq, event);
      }
    } else if (frame.type === 'behind') named.push(...frame.conversations);
    else if (frame.type === 'marked') raise(`${frame.conversationId} own`, frame as never);
    else if (frame.type === 'receipts') {
      for (const mark of frame.marks ?? []) raise(`${frame.conversationId} ${mark.userId}`, mark as never);
    }
    if ('sync' in frame && frame.sync !== undefined) ({ sync } = frame);
  };

  const has = (conversationId: ConversationId, seq: number): boolean =>
    seen.get(conversationId)?.has(seq) === true ||
    named.some((one) => one.conversationId === conversationId && one.after < seq && seq <= one.lastSeq);
  const knows = (key: string, mark: { delivered: number; read?: number }): boolean => {
    const known = marks.get(key);
    return (known?.delivered ?? -1) >= mark.delivered && (known?.read ?? -1) >= (mark.read ?? -1);
  };
  const checkEvents = (world: World) => {
    const own = stays(world, userId);
    const readable = Math.max(-1, ...own.map(({ to }) => to));
    for (const [seq, event] of seen.get(world.id) ?? []) {
      if (seq > readable) problems.push(`${seq} was not for them`);
      if (JSON.stringify(event) !== JSON.stringify(world.events[seq]))
        problems.push(`${seq} says something else`);
    }
    for (const [seq, position] of world.positions.entries()) {
      const within = position > (since ?? '') && own.some(({ from, to }) => from <= seq && seq <= to);
      if (within && !has(world.id, seq)) problems.push(`${seq} is not there`);
    }
  };
  const checkMarks = (world: World) => {
    const here = new Set(membersOf(world));
    const joined = world.positions[stays(world, userId).at(-1)?.from ?? 0] ?? '';
    const after = joined > (since ?? '') ? joined : (since ?? '');
    const before = new Map<UserId, Progress>();
    for (const { position, marks: moved } of world.moves) {
      for (const mark of moved) {
        const was = before.get(mark.userId);
        before.set(mark.userId, mark);
        if (position <= after || !here.has(mark.userId)) continue;
        // What others see nothing new in is told only to whom it is about.
        const news = mark.delivered !== was?.delivered || mark.shown !== was.shown;
        const publicly = !news || knows(`${world.id} ${mark.userId}`, publicMark(mark));
        const own = mark.userId !== userId || knows(`${world.id} own`, mark as never);
        if (!publicly || !own) problems.push(`the mark ${JSON.stringify(mark)} is not there`);
      }
    }
  };

  return {
    /** It hears so many frames, and then nothing more. */
    async connect(frames = Number.POSITIVE_INFINITY, held = { frames: 1_000, bytes: 1_000_000 }) {
      leave();
      heard = new Map();
      let left = frames;
      const write = ({ value }: { readonly value: ServerFrame }) => {
        if (left > 0) take(value);
        left -= 1;
      };
      const place = createHeldSeat({ userId, deviceId: userId }, write, held);
      leave = () => deps.rooms.remove(place.seat);
      const writer = { send: write, ready: async () => left > 0 };
      await arrive(deps, place, sync, writer, ({ sync: begin, resumed }) => {
        if (resumed !== (sync !== undefined)) problems.push('was not resumed');
        since ??= decodeSync(begin)?.position;
        const welcome = {
          type: 'welcome',
          version: 1,
          userId,
          deviceId: userId,
          now: 0,
          sync: begin,
          resumed,
        } as const;
        write({ value: welcome });
      });
      if (left <= 0) leave();
    },
    drop: () => leave(),
    /**
     * What is wrong: all that happened while the person was in must be there, or be named, once a connection and in order; and
     * nothing that they could not read.
     */
    check(worlds: readonly World[]): readonly string[] {
      if (since === undefined) return problems;
      for (const world of worlds) {
        checkEvents(world);
        if (isIn(world, userId)) checkMarks(world);
      }
      return problems;
    },
  };
};
