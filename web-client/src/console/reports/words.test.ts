import { describe, expect, it } from "vitest";
import { changes, verdict } from "./words";

const fine = { high: 0, medium: 0, adheres_to_retention_policy: true };

describe("verdict", () => {
  it("goes by the worst there is", () => {
    expect(verdict(fine)).toEqual({ words: "in order", tone: "good" });
    expect(verdict({ ...fine, medium: 2 }).tone).toBe("warn");
    expect(verdict({ ...fine, medium: 2, high: 1 }).tone).toBe("bad");
    expect(verdict({ ...fine, adheres_to_retention_policy: false }).words).toContain("retention policy");
  });
});

describe("changes", () => {
  it("counts what is new and what is gone", () => {
    expect(changes({ since_last: { compared: true, new: ["a"], resolved: [], standing: ["b", "c"] } })).toBe("Since the last report: 1 new, 0 resolved, 2 as before.");
  });
  it("says that there was none before", () => {
    expect(changes({ since_last: { compared: false } })).toContain("first report");
  });
});
