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
    const stays = { at: AT, from: "approval", to: "approval", actor: "system" } as const;
    expect(stepInWords({ ...stays, what: "extended" })).toBe("Extended");
    expect(stepInWords({ ...stays, what: "approved_first" })).toBe("Approved by one of two");
    expect(stepInWords({ ...stays, note: "something else" })).toBe("Noted");
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
