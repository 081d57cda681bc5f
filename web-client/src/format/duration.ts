// ISO 8601 durations in words and in the picker. Only whole parts: the API takes no fractions.

export type DurationUnit = "seconds" | "minutes" | "hours" | "days" | "weeks" | "months" | "years";

export const DURATION_UNITS: readonly DurationUnit[] = ["seconds", "minutes", "hours", "days", "weeks", "months", "years"];

export type DurationParts = Partial<Record<DurationUnit, number>>;

const SHAPE = /^P(?=\d|T\d)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/;
const ORDER: readonly DurationUnit[] = ["years", "months", "weeks", "days", "hours", "minutes", "seconds"];

/** The parts of `P1M`, `PT2S`, `P1DT12H`…; undefined when it is not a duration. */
export function parseDuration(iso: string): DurationParts | undefined {
  const match = SHAPE.exec(iso);
  if (!match) return undefined;
  const parts: DurationParts = {};
  ORDER.forEach((unit, index) => {
    const amount = match[index + 1];
    if (amount !== undefined && Number(amount) > 0) parts[unit] = Number(amount);
  });
  return parts;
}

/** `30, "days"` → `P30D`; `2, "seconds"` → `PT2S`; nothing kept at all is `P0D`. */
export function buildDuration(amount: number, unit: DurationUnit): string {
  if (amount <= 0) return "P0D";
  const letter = { years: "Y", months: "M", weeks: "W", days: "D", hours: "H", minutes: "M", seconds: "S" }[unit];
  const inDay = unit === "hours" || unit === "minutes" || unit === "seconds";
  return `P${inDay ? "T" : ""}${amount}${letter}`;
}

/** "30 days", "1 day and 12 hours"; "no time at all" for zero; the text itself when it cannot be read. */
export function durationInWords(iso: string, locale = "en"): string {
  const parts = parseDuration(iso);
  if (!parts) return iso;
  const words = ORDER.flatMap((unit) => {
    const amount = parts[unit];
    return amount === undefined ? [] : [unitInWords(amount, unit, locale)];
  });
  if (words.length === 0) return locale.startsWith("en") ? "no time at all" : unitInWords(0, "days", locale);
  return new Intl.ListFormat(locale, { type: "conjunction" }).format(words);
}

const SECONDS: Record<DurationUnit, number> = { years: 31_557_600, months: 2_629_800, weeks: 604_800, days: 86_400, hours: 3600, minutes: 60, seconds: 1 };

/** About how many seconds, for comparing two durations; a month is a twelfth of a year. */
export function approximateSeconds(iso: string): number | undefined {
  const parts = parseDuration(iso);
  return parts && ORDER.reduce((sum, unit) => sum + (parts[unit] ?? 0) * SECONDS[unit], 0);
}

/** True for `P0D` and its like: what is never recorded. */
export function isZero(iso: string): boolean {
  const parts = parseDuration(iso);
  return parts !== undefined && Object.keys(parts).length === 0;
}

/** What the picker shows: one amount and one unit. Durations of several parts have no such form. */
export function asAmount(iso: string): { amount: number; unit: DurationUnit } | undefined {
  const parts = parseDuration(iso);
  if (!parts) return undefined;
  const entries = ORDER.filter((unit) => parts[unit] !== undefined);
  if (entries.length === 0) return { amount: 0, unit: "days" };
  const unit = entries[0];
  if (entries.length > 1 || unit === undefined) return undefined;
  return { amount: parts[unit] ?? 0, unit };
}

function unitInWords(amount: number, unit: DurationUnit, locale: string): string {
  return new Intl.NumberFormat(locale, { style: "unit", unit: unit.slice(0, -1), unitDisplay: "long" }).format(amount);
}
