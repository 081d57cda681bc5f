import { describe, expect, it } from "vitest";
import { clock, scopingInWords } from "./words";

const open = { state: "open", risk: "unknown", late: false } as const;

describe("clock", () => {
  it("runs until somebody was told, whatever the risk is not known to be", () => {
    expect(clock(open)).toMatchObject({ words: "running", running: true });
    expect(clock({ ...open, late: true })).toMatchObject({ words: "overdue", tone: "bad" });
  });
  it("stands once the authority was told, and says whether that was late", () => {
    expect(clock({ ...open, notified_at: "2026-11-21T10:00:00Z" })).toMatchObject({ words: "told in time", running: false });
    expect(clock({ ...open, late: true, notified_at: "2026-11-21T10:00:00Z" }).words).toBe("told late");
  });
  it("does not run for an incident that is no risk to anybody", () => {
    expect(clock({ ...open, risk: "unlikely", late: true }).running).toBe(false);
  });
});

describe("scopingInWords", () => {
  it("says what is counted, then whom it notes", () => {
    expect(scopingInWords({ job_id: "x", step: "counting", done: 0, total: 0 })).toBe("Waits for its turn.");
    expect(scopingInWords({ job_id: "x", step: "counting", done: 8, total: 20 })).toBe("Counts: 8 of 20 kinds of messages.");
    expect(scopingInWords({ job_id: "x", step: "noting", done: 0, total: 1 })).toBe("Notes whom it touched: 0 of 1 person.");
  });
});
