import { describe, expect, it } from "vitest";
import { coverageOf, standing } from "./holdWords";

const names = { endpoint: (id: string | undefined) => `endpoint ${id}`, purpose: (id: string | undefined) => `purpose ${id}`, dataType: (id: string | undefined) => `type ${id}` };

describe("what a hold covers", () => {
  it("is everything when nothing is named", () => {
    expect(coverageOf({}, names)).toBe("Every message");
  });

  it("names each limit", () => {
    expect(coverageOf({ endpoint_id: "1", channel_pattern: "room-*", subject_id: "2" }, names)).toBe("Messages on endpoint 1, on channels room-*, about one person");
    expect(coverageOf({ data_type_id: "3", purpose_id: "4", recorded_from: "2026-11-01T00:00:00Z", recorded_to: "2026-12-01T00:00:00Z" }, names)).toBe(
      "Messages with type 3, for purpose 4, recorded from 2026-11-01, recorded before 2026-12-01",
    );
  });
});

describe("a hold", () => {
  const now = Date.parse("2026-11-28T00:00:00Z");
  const hold = { state: "active" as const, starts_at: "2026-11-01T00:00:00Z", next_review_at: "2027-01-01T00:00:00Z" };

  it("stands, is to be reviewed, or has not begun", () => {
    expect(standing(hold, now)).toEqual({ tone: "good", label: "stands" });
    expect(standing({ ...hold, next_review_at: "2026-11-27T00:00:00Z" }, now)).toEqual({ tone: "warn", label: "review due" });
    expect(standing({ ...hold, starts_at: "2026-12-01T00:00:00Z" }, now).label).toBe("not begun");
  });

  it("that is over says whether what it kept is gone", () => {
    expect(standing({ ...hold, state: "lifted" }, now)).toEqual({ tone: "warn", label: "lifted, being cleared" });
    expect(standing({ ...hold, state: "ended", cleared_at: "2026-11-27T00:00:00Z" }, now)).toEqual({ tone: "plain", label: "ended" });
  });
});
