import { describe, expect, it } from "vitest";
import { stepInWords } from "./RequestTimeline";
import { APPROVAL_WORDS, stands } from "./words";

const AT = "2026-11-21T09:00:00Z";

describe("what an approval sets going", () => {
  it("is a copy or files only where these were asked for", () => {
    for (const kind of ["rectification", "erasure", "restriction", "objection"] as const) expect(APPROVAL_WORDS[kind]).not.toMatch(/prepared|downloaded|copy/);
    expect(new Set(Object.values(APPROVAL_WORDS)).size).toBe(6);
  });
});

describe("the steps of a request", () => {
  it("are named by what they are", () => {
    const step = (from: "approval" | "completed", note: string) => stepInWords({ at: AT, from, to: from, actor: "system", note });
    expect(step("approval", "extended until 2027-01-28, because it is complex: we look")).toBe("Extended");
    expect(step("approval", "the clock stands still (identity): show a bill")).toBe("Clock stopped");
    expect(step("completed", "ends on 2027-01-01: checked")).toBe("End announced");
    expect(step("completed", "it has ended")).toBe("Ended");
    expect(step("completed", "something else")).toBe("Noted");
    expect(stepInWords({ at: AT, from: "in_progress", to: "completed", actor: "system" })).toBe("Completed");
  });
});

describe("a restriction", () => {
  it("stands until it has ended", () => {
    expect(stands({ kind: "restriction", state: "completed" })).toBe(true);
    expect(stands({ kind: "restriction", state: "completed", lifted_at: AT })).toBe(false);
    expect(stands({ kind: "objection", state: "approval" })).toBe(false);
    expect(stands({ kind: "access", state: "completed" })).toBe(false);
  });
});
