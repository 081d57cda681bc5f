import { describe, expect, it } from "vitest";
import { EVENTS, counted, outcome, standing } from "./words";

describe("a webhook", () => {
  const url = "https://app.example/hook";

  it("is on, failing, off, or off because of its receiver", () => {
    expect(standing({ enabled: true, url }).label).toBe("on");
    expect(standing({ enabled: true, url, failing_since: "2027-01-15T08:00:00Z" }).tone).toBe("warn");
    expect(standing({ enabled: false, url }).tone).toBe("plain");
    expect(standing({ enabled: false, url, disabled_reason: "gone" })).toEqual({ tone: "bad", label: "off: receiver is gone" });
  });

  it("without an address sends nothing", () => {
    expect(standing({ enabled: true }).label).toBe("kept to be read");
  });

  it("can be told each kind of event once", () => {
    expect(new Set(EVENTS.map(({ id }) => id)).size).toBe(9);
  });
});

describe("an attempt", () => {
  it("says what the receiver answered, or why it did not", () => {
    expect(outcome({ status: 204 })).toBe("204, taken");
    expect(outcome({ status: 500, error: "status" })).toBe("500, refused it");
    expect(outcome({ error: "timeout" })).toBe("did not answer in time");
  });

  it("was about so many events", () => {
    expect(counted({ connected: 2, disconnected: 1 })).toBe("2 connected, 1 disconnected");
    expect(counted(undefined)).toBe("");
  });
});
