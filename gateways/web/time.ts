const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const date = new Intl.DateTimeFormat(undefined, {
  weekday: 'short',
  day: 'numeric',
  month: 'long',
  year: 'numeric',
});
const short = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const shortYear = new Intl.DateTimeFormat(undefined, { dateStyle: 'short' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });

export const timeOf = (at: number): string => clock.format(at);
export const fullTimeOf = (at: number): string => full.format(at);
export const dayKey = (at: number): string => new Date(at).toDateString();

const daysAgo = (at: number, now: number) =>
  Math.round((new Date(now).setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 86_400_000);

/** The heading of a day. */
export const dayOf = (at: number, now = Date.now()): string => {
  const ago = daysAgo(at, now);
  if (ago === 0) return 'Today';
  if (ago === 1) return 'Yesterday';
  return ago > 0 && ago < 180 ? weekday.format(at) : date.format(at);
};

/** For a list: the time today, the date before. */
export const briefTimeOf = (at: number, now = Date.now()): string => {
  const ago = daysAgo(at, now);
  if (ago === 0) return timeOf(at);
  return ago > 0 && ago < 180 ? short.format(at) : shortYear.format(at);
};
