import type { UsageDay } from "../../api/types";

const DAY = 86_400_000;

/** The last `count` days up to `last`, days without traffic included: the API lists only days that had some. */
export function everyDay(days: readonly UsageDay[], last: Date, count = 30): UsageDay[] {
  const known = new Map(days.map((day) => [day.day, day]));
  return Array.from({ length: count }, (_, index) => {
    const day = new Date(last.getTime() - (count - 1 - index) * DAY).toISOString().slice(0, 10);
    return known.get(day) ?? { day, messages: 0, bytes: 0, connections: 0 };
  });
}
