import type { ConversationId, UserId } from '../../domain/id.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import type { LiveState } from '../../domain/ports/live-state.ts';
import type { Json } from '../../domain/ports/tables.ts';
import { fullAfter, waitFor } from '../../domain/rate.ts';
import { Frame } from './frame.ts';
import type { Rooms, Seat } from './rooms.ts';

export const typingLimits = {
  /** Who says nothing for so long has stopped. */
  expiryMs: 6_000,
  /** Who says so sooner that they still write says nothing new. */
  repeatMs: 2_000,
  /** Of one conversation, and how far apart two are at least. */
  frames: { perSecond: 8, burst: 5 },
  gapMs: 15,
  /** That somebody still writes, or has long been silent, may wait so long for a frame to travel in. */
  patienceMs: 500,
  /** Of one socket. More are dropped. */
  words: { perSecond: 10, burst: 20 },
  /** People who write in one conversation at once, and conversations that one socket writes in. */
  writers: 1_000,
  conversations: 32,
} as const;

const CHANNEL = 'typing:';
const WHEEL_MS = 1_000;

type Writer = { readonly until: number; readonly toldAt: number };
type Talk = {
  readonly conversationId: ConversationId;
  /** Who said so longest ago comes first. */
  readonly writers: Map<UserId, Writer>;
  readonly news: Map<UserId, boolean>;
  fullAt: number;
  flushedAt: number;
  due: { readonly at: number; readonly cancel: () => void } | undefined;
};
type Speaker = { fullAt: number; readonly said: Map<ConversationId, number> };

/**
 * Who writes where. What a socket says goes to every gateway; each keeps who writes in the rooms it has, and tells a room
 * in one frame, the same for all. That somebody starts or stops is told at once while there are few of them; when there
 * are many it is gathered.
 */
export const createTyping = (deps: {
  live: Pick<LiveState, 'publish' | 'subscribe'>;
  rooms: Pick<Rooms, 'in' | 'seatsOf' | 'onRoom'>;
  clock: Clock;
  onError?: (error: unknown) => void;
  /** Frames handed to sockets. */
  observe?: (frames: number) => void;
}) => {
  const { live, rooms, clock, onError = () => undefined } = deps;
  const talks = new Map<ConversationId, Talk>();
  const speakers = new Map<Seat, Speaker>();
  const listening = new Map<ConversationId, Promise<void | (() => void)>>();
  let turning = false;

  rooms.onRoom((conversationId, open) => {
    const known = listening.get(conversationId);
    listening.delete(conversationId);
    void known?.then((stop) => stop?.());
    if (open) listening.set(conversationId, live.subscribe(CHANNEL + conversationId, hear).catch(onError));
    else close(conversationId);
  });

  const close = (conversationId: ConversationId) => {
    talks.get(conversationId)?.due?.cancel();
    talks.delete(conversationId);
  };

  const publish = async (conversationId: ConversationId, userId: UserId, on: boolean) => {
    try {
      await live.publish(CHANNEL + conversationId, [userId, on]);
    } catch (error) {
      onError(error);
    }
  };

  const hear = (message: Json, channel: string) => {
    const [userId, on] = message as [UserId, boolean];
    const conversationId = channel.slice(CHANNEL.length);
    if (rooms.in(conversationId).size === 0) return;
    const talk = talks.get(conversationId) ?? begin(conversationId);
    const known = talk.writers.get(userId);
    const now = clock.now();
    if (on) {
      if (!known && talk.writers.size >= typingLimits.writers) return;
      const { repeatMs, expiryMs, patienceMs } = typingLimits;
      const news = !known || now - known.toldAt >= repeatMs;
      talk.writers.delete(userId);
      talk.writers.set(userId, {
        until: now + expiryMs,
        toldAt: news ? now : known.toldAt,
      });
      if (news)
        tell(
          talk,
          userId,
          true,
          known ? Math.min(patienceMs, known.toldAt + expiryMs - patienceMs - now) : 0,
        );
    } else if (talk.writers.delete(userId)) tell(talk, userId, false, 0);
  };

  const begin = (conversationId: ConversationId): Talk => {
    const talk: Talk = {
      conversationId,
      writers: new Map(),
      news: new Map(),
      fullAt: 0,
      flushedAt: -Infinity,
      due: undefined,
    };
    talks.set(conversationId, talk);
    if (!turning) clock.after(WHEEL_MS, turn);
    turning = true;
    return talk;
  };

  const tell = (talk: Talk, userId: UserId, on: boolean, patience: number) => {
    talk.news.set(userId, on);
    const now = clock.now();
    const budget = now + waitFor(talk.fullAt, now, typingLimits.frames);
    const at = Math.max(now + patience, budget, talk.flushedAt + typingLimits.gapMs);
    if (at <= now) return flush(talk);
    if (talk.due && talk.due.at <= at) return;
    talk.due?.cancel();
    talk.due = { at, cancel: clock.after(at - now, () => flush(talk)) };
  };

  const flush = (talk: Talk) => {
    const { conversationId, news } = talk;
    const now = clock.now();
    const room = rooms.in(conversationId);
    const frame = new Frame({ type: 'typing', conversationId, on: of(news, true), off: of(news, false) });
    for (const seat of room) seat.send(frame);
    deps.observe?.(room.size);
    talk.due?.cancel();
    talk.due = undefined;
    talk.flushedAt = now;
    talk.fullAt = fullAfter(talk.fullAt, now, typingLimits.frames);
    news.clear();
  };

  /** Ends what nobody has spoken of for long enough. */
  const turn = () => {
    const now = clock.now();
    for (const talk of talks.values()) {
      for (const [userId, { until }] of talk.writers) {
        if (until > now) break;
        talk.writers.delete(userId);
        // Those who were told know it by themselves.
        tell(talk, userId, false, typingLimits.patienceMs);
      }
      if (talk.writers.size === 0 && talk.news.size === 0 && talk.fullAt <= now) close(talk.conversationId);
    }
    turning = talks.size > 0;
    if (turning) clock.after(WHEEL_MS, turn);
  };

  const maySpeak = (speaker: Speaker): boolean => {
    const now = clock.now();
    if (waitFor(speaker.fullAt, now, typingLimits.words) > 0) return false;
    speaker.fullAt = fullAfter(speaker.fullAt, now, typingLimits.words);
    return true;
  };

  const elsewhere = (seat: Seat, conversationId: ConversationId): boolean => {
    for (const other of rooms.seatsOf(seat.userId))
      if (other !== seat && speakers.get(other)?.said.has(conversationId)) return true;
    return false;
  };

  return {
    /** A socket of a member says that its person writes, or has stopped. */
    say(seat: Seat, conversationId: ConversationId, on: boolean): void {
      const speaker = speakers.get(seat) ?? { fullAt: 0, said: new Map<ConversationId, number>() };
      const { said } = speaker;
      const saidAt = said.get(conversationId);
      const now = clock.now();
      if (on ? saidAt !== undefined && now - saidAt < typingLimits.repeatMs : saidAt === undefined) return;
      if (!maySpeak(speaker)) return;
      speakers.set(seat, speaker);
      said.delete(conversationId);
      if (on) {
        said.set(conversationId, now);
        const [oldest] = said.keys();
        if (said.size > typingLimits.conversations && oldest !== undefined) said.delete(oldest);
      } else if (elsewhere(seat, conversationId)) return;
      void publish(conversationId, seat.userId, on);
    },

    /** The socket is gone, and writes nowhere any more. */
    leave(seat: Seat): void {
      const speaker = speakers.get(seat);
      speakers.delete(seat);
      for (const conversationId of speaker?.said.keys() ?? [])
        if (!elsewhere(seat, conversationId)) void publish(conversationId, seat.userId, false);
    },

    /** What it holds, for tests of its bounds. */
    size: () => ({ talks: talks.size, speakers: speakers.size, rooms: listening.size }),
  };
};

const of = (news: ReadonlyMap<UserId, boolean>, which: boolean): UserId[] =>
  [...news].filter(([, on]) => on === which).map(([userId]) => userId);
