/** A bucket that holds `burst` (at least 1) and fills by `perSecond` (more than 0). */
export type Rate = { readonly perSecond: number; readonly burst: number };

// When a bucket will be full is one number (ms) that says all of it: how much is in it, and when it can be forgotten.

/** How many ms until one can be taken; now, if not more than 0. */
export const waitFor = (fullAt: number, now: number, { perSecond, burst }: Rate): number =>
  Math.max(fullAt, now) - now - ((burst - 1) * 1000) / perSecond;

/** When the bucket will be full once one was taken. */
export const fullAfter = (fullAt: number, now: number, { perSecond }: Rate): number =>
  Math.max(fullAt, now) + 1000 / perSecond;
