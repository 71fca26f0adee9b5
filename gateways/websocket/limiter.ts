import type { ConversationId, UserId } from '../../domain/id.ts';
import type { LiveState } from '../../domain/ports/live-state.ts';
import type { Rate } from '../../domain/rate.ts';
import type { RateLimit } from '../protocol.ts';

/** Requests a second by limit; 0: as many as one likes. */
export type LimitSettings = Readonly<Record<RateLimit, number>>;

/** Who asks. */
export type Asking = { readonly userId: UserId; readonly deviceId: string; readonly address: string };

/** Which limit was reached, and when to try again. */
export type Limited = { readonly limit: RateLimit; readonly retryAfterMs: number };

/** What rested may come at once: so many seconds' worth of it. */
const BURST_SECONDS = 10;

/** Whoever has many of them asks where one's own are counted first, so that one device does not use up everybody's. */
const narrowestFirst = ['device', 'person', 'address', 'conversation'] as const;

type Answer = Limited | undefined | Promise<Limited | undefined>;
type Buckets = Readonly<Record<Exclude<RateLimit, 'conversation'>, string>>;
type Counted = { readonly limit: RateLimit; readonly rate: Rate };

export type Limiter = ReturnType<typeof createLimiter>;

/**
 * How much may be asked for. Every command passes here: the answer is there at once if the live state has it at hand, and
 * if the live state is away, everything passes.
 */
export const createLimiter = (
  live: Pick<LiveState, 'take'>,
  settings: LimitSettings,
  {
    onError = () => undefined,
    observe = () => undefined,
  }: { onError?: (error: unknown) => void; observe?: (limit: RateLimit) => void } = {},
) => {
  const commandLimits = narrowestFirst.flatMap((limit): Counted[] => {
    const perSecond = settings[limit];
    const rate: Rate = { perSecond, burst: Math.max(1, Math.floor(perSecond * BURST_SECONDS)) };
    return perSecond > 0 ? [{ limit, rate }] : [];
  });

  const ownLimits = commandLimits.filter(({ limit }) => limit === 'device' || limit === 'person');

  // A socket asks as the same one all its life, and making names costs more than counting.
  const known = new WeakMap<Asking, Buckets>();
  const bucketsOf = (who: Asking): Buckets => {
    const { userId, deviceId, address } = who;
    let buckets = known.get(who);
    if (!buckets) {
      buckets = { device: `device:${deviceId}`, person: `person:${userId}`, address: `address:${address}` };
      known.set(who, buckets);
    }
    return buckets;
  };

  const refusal = (limit: RateLimit, retryAfterMs: number): Limited => {
    observe(limit);
    return { limit, retryAfterMs };
  };

  const passFrom = (
    limits: readonly Counted[],
    first: number,
    who: Asking,
    conversationId: ConversationId | undefined,
  ): Answer => {
    const own = bucketsOf(who);
    for (let n = first; n < limits.length; n += 1) {
      const { limit, rate } = limits[n] as Counted;
      const bucket = limit === 'conversation' ? conversationId && `${limit}:${conversationId}` : own[limit];
      if (bucket === undefined) continue;
      const wait = live.take(bucket, rate);
      if (typeof wait !== 'number')
        return wait.then((ms) =>
          ms > 0 ? refusal(limit, ms) : passFrom(limits, n + 1, who, conversationId),
        );
      if (wait > 0) return refusal(limit, wait);
    }
    return undefined;
  };

  const pass = (error: unknown): undefined => {
    onError(error);
    return undefined;
  };
  const safely = (ask: () => Answer): Answer => {
    try {
      const answer = ask();
      return answer instanceof Promise ? answer.catch(pass) : answer;
    } catch (error) {
      return pass(error);
    }
  };

  return {
    /** A command, about a conversation or none. Undefined: go on. */
    take: (who: Asking, conversationId?: ConversationId): Answer =>
      safely(() => passFrom(commandLimits, 0, who, conversationId)),

    /**
     * What is said in passing: marks, typing. In a large conversation everybody does at once, because one has sent a message;
     * it counts for whoever says it, and takes nothing from the others.
     */
    inPassing: (who: Asking): Answer => safely(() => passFrom(ownLimits, 0, who, undefined)),
  };
};
