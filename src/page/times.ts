const format = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(undefined, options);
const clock = format({ hour: '2-digit', minute: '2-digit' });
const date = format({ dateStyle: 'short' });
const exact = format({ dateStyle: 'full', timeStyle: 'short' });
const day = format({ dateStyle: 'long' });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });

export const clockTime = (iso: string): string => clock.format(new Date(iso));
export const exactTime = (iso: string): string => exact.format(new Date(iso));
export const dayOf = (iso: string): string => day.format(new Date(iso));

/** The time of day for what was today, with the date for what was before. */
export function messageTime(iso: string): string {
  const at = new Date(iso);
  const isToday = at.toDateString() === new Date().toDateString();
  return isToday ? clock.format(at) : `${date.format(at)} ${clock.format(at)}`;
}

const styles: Readonly<Record<string, Intl.DateTimeFormat>> = {
  t: clock,
  T: format({ timeStyle: 'medium' }),
  d: date,
  D: day,
  f: format({ dateStyle: 'long', timeStyle: 'short' }),
  F: exact,
};

/** A timestamp in a text, in one of Discord's styles ("Timestamp Styles"). */
export function timestamp(at: Date, style: string): string {
  if (style === 'R') return fromNow(at.getTime() - Date.now());
  return (styles[style] ?? exact).format(at);
}

function fromNow(ms: number): string {
  const units = [
    ['year', 31_536_000_000],
    ['month', 2_592_000_000],
    ['day', 86_400_000],
    ['hour', 3_600_000],
    ['minute', 60_000],
  ] as const;
  const [unit, length] = units.find(([, each]) => Math.abs(ms) >= each) ?? (['second', 1_000] as const);
  return relative.format(Math.round(ms / length), unit);
}
