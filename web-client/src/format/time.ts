// Points in time for people: relative near now, absolute otherwise, always in the visitor's own zone.

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

/** "in 3 days", "2 minutes ago", "just now". */
export function relativeTime(at: string | Date, now: number = Date.now(), locale = "en"): string {
  const seconds = Math.round((new Date(at).getTime() - now) / 1000);
  const size = Math.abs(seconds);
  const format = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  if (size < 5) return locale.startsWith("en") ? "just now" : format.format(0, "second");
  if (size < MINUTE) return format.format(seconds, "second");
  if (size < HOUR) return format.format(Math.trunc(seconds / MINUTE), "minute");
  if (size < DAY) return format.format(Math.trunc(seconds / HOUR), "hour");
  if (size < 45 * DAY) return format.format(Math.trunc(seconds / DAY), "day");
  if (size < 365 * DAY) return format.format(Math.trunc(seconds / (30 * DAY)), "month");
  return format.format(Math.trunc(seconds / (365 * DAY)), "year");
}

/** "21 Nov 2026, 09:17:04". */
export function fullTime(at: string | Date, locale?: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" }).format(new Date(at));
}

/** "21 November 2026". */
export function longDate(at: string | Date, locale?: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "long" }).format(new Date(at));
}

/** "21 Nov". */
export function shortDay(at: string | Date, locale?: string): string {
  return new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" }).format(new Date(at));
}

/** What is left until `at`: the two largest units that matter, "29 days 4 hours", "3 min 09 sec"; "now" when it has passed. */
export function countdown(at: string | Date, now: number = Date.now(), locale = "en"): string {
  const left = Math.floor((new Date(at).getTime() - now) / 1000);
  if (left <= 0) return new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(0, "second");
  const days = Math.floor(left / DAY);
  const hours = Math.floor((left % DAY) / HOUR);
  const minutes = Math.floor((left % HOUR) / MINUTE);
  const seconds = left % MINUTE;
  const say = (amount: number, unit: string, unitDisplay: "long" | "short" = "long", minimumIntegerDigits = 1) =>
    new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay, minimumIntegerDigits }).format(amount);
  if (days > 0) return `${say(days, "day")} ${say(hours, "hour")}`;
  if (hours > 0) return `${say(hours, "hour")} ${say(minutes, "minute", "short")}`;
  if (minutes > 0) return `${say(minutes, "minute", "short")} ${say(seconds, "second", "short", 2)}`;
  return say(seconds, "second");
}

export type Urgency = "calm" | "soon" | "urgent" | "overdue";

/** How a due date is coloured: urgent below 3 days, soon below 10. */
export function urgency(dueAt: string, now: number = Date.now()): Urgency {
  const days = (new Date(dueAt).getTime() - now) / (DAY * 1000);
  if (days < 0) return "overdue";
  if (days < 3) return "urgent";
  if (days < 10) return "soon";
  return "calm";
}
