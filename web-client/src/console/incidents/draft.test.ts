import { describe, expect, it } from "vitest";
import { emptyDraft, toInput, toPatch } from "./draft";

const local = new Date(2026, 10, 21, 9, 5);

describe("an incident that is entered", () => {
  it("sends its times in UTC, and those that are left empty not at all", () => {
    const draft = { ...emptyDraft(local), title: "A laptop was lost" };
    expect(draft.started).toBe("2026-11-21T09:05");
    const now = toInput(draft, "", "unknown");
    expect(now.started_at).toBe(local.toISOString());
    expect(now).not.toHaveProperty("aware_at");
    expect(now).not.toHaveProperty("ended_at");
    expect(toInput(draft, "2026-11-21T09:05", "unknown").aware_at).toBe(local.toISOString());
  });
});

describe("a change of an incident", () => {
  it("holds what was changed, and clears an end that is taken away", () => {
    expect(toPatch({ endpoints: ["a"], exposure: "stored" })).toEqual({ endpoint_ids: ["a"], exposure: "stored" });
    expect(toPatch({ ended: "" })).toEqual({ ended_at: null });
    expect(toPatch({ ended: "2026-11-21T09:05" })).toEqual({ ended_at: local.toISOString() });
  });
});
