import { describe, expect, it } from "vitest";
import { equation, overdue, verdict } from "./balanceWords";

describe("a balance", () => {
  it("adds up, or says which way it does not", () => {
    expect(verdict(undefined).label).toBe("not drawn yet");
    expect(verdict({ difference: 0 })).toEqual({ tone: "good", label: "adds up" });
    expect(verdict({ difference: 2 })).toEqual({ tone: "bad", label: "2 missing" });
    expect(verdict({ difference: -1 })).toEqual({ tone: "bad", label: "1 too many" });
  });

  it("is a sum that leaves out what there is not", () => {
    expect(equation({ ingested: 4, live: 2, deleted: 2, anonymised: 0, held: 0 })).toBe("4 in = 2 here + 2 deleted");
    expect(equation({ ingested: 5, live: 1, deleted: 2, anonymised: 1, held: 1 })).toBe("5 in = 1 here + 2 deleted + 1 anonymised + 1 held");
  });
});

describe("what is overdue", () => {
  it("is said only when there is some", () => {
    expect(overdue({ overdue: 0, lag_seconds: 0 })).toBeUndefined();
    expect(overdue({ overdue: 3, lag_seconds: 1.2 })).toBe("3 expired, the oldest for 2 s");
  });
});
