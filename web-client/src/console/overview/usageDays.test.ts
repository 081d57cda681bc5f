import { expect, it } from "vitest";
import { everyDay } from "./usageDays";

it("fills the days that had no traffic, across the end of a month", () => {
  const days = everyDay([{ day: "2026-03-01", messages: 7, bytes: 70, connections: 1 }], new Date("2026-03-02T23:00:00Z"), 4);
  expect(days.map(({ day, messages }) => [day, messages])).toEqual([
    ["2026-02-27", 0],
    ["2026-02-28", 0],
    ["2026-03-01", 7],
    ["2026-03-02", 0],
  ]);
});
