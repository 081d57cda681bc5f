import { describe, expect, it } from "vitest";
import { approximateSeconds, asAmount, buildDuration, durationInWords, isZero, parseDuration } from "./duration";
import { bytes, counted } from "./number";
import { passwordHint } from "./password";
import { ruleSentence } from "./rule";
import { slugFrom } from "./slug";
import { countdown, relativeTime, urgency } from "./time";

const NOW = Date.parse("2026-11-21T09:00:00Z");

describe("durations", () => {
  it("reads every part", () => {
    expect(parseDuration("P1Y2M3W4DT5H6M7S")).toEqual({ years: 1, months: 2, weeks: 3, days: 4, hours: 5, minutes: 6, seconds: 7 });
  });
  it("tells months from minutes", () => {
    expect(parseDuration("P1M")).toEqual({ months: 1 });
    expect(parseDuration("PT1M")).toEqual({ minutes: 1 });
  });
  it.each(["", "P", "PT", "P1DT", "30D", "P-1D", "P1.5D", "P1H"])("refuses %j", (iso) => {
    expect(parseDuration(iso)).toBeUndefined();
  });
  it("builds what it reads", () => {
    for (const iso of ["PT2S", "PT15M", "PT1H", "P30D", "P2W", "P6M", "P7Y", "P0D"]) {
      const amount = asAmount(iso);
      expect(amount && buildDuration(amount.amount, amount.unit)).toBe(iso);
    }
  });
  it("has no single amount for a duration of two parts", () => {
    expect(asAmount("P1DT12H")).toBeUndefined();
  });
  it("speaks", () => {
    expect(durationInWords("P30D")).toBe("30 days");
    expect(durationInWords("PT1H")).toBe("1 hour");
    expect(durationInWords("P1DT12H")).toBe("1 day and 12 hours");
    expect(durationInWords("P0D")).toBe("no time at all");
    expect(durationInWords("soon")).toBe("soon");
  });
  it("compares across units", () => {
    expect(approximateSeconds("P1M")).toBeGreaterThan(approximateSeconds("P30D") ?? 0);
    expect(approximateSeconds("P1DT12H")).toBe(129_600);
    expect(approximateSeconds("never")).toBeUndefined();
  });
  it("knows zero in any unit", () => {
    expect(isZero("P0D") && isZero("PT0S")).toBe(true);
    expect(isZero("PT1S") || isZero("nonsense")).toBe(false);
  });
});

describe("rule sentences", () => {
  it("name what, where and how long", () => {
    expect(ruleSentence({ target: "messages", endpoint: "chat", duration: "P30D" })).toBe("Messages on chat are deleted after 30 days.");
  });
  it("name data type, purpose and channels", () => {
    expect(
      ruleSentence({ target: "messages", dataType: "E-mail address", purpose: "Support", endpoint: "chat", channelPattern: "room-*", duration: "PT2S" }),
    ).toBe("Messages that contain E-mail address sent for “Support” on chat in channels like room-* are deleted after 2 seconds.");
  });
  it("say that nothing is recorded when the duration is zero", () => {
    expect(ruleSentence({ target: "messages", duration: "P0D" })).toBe("Messages are never recorded.");
    expect(ruleSentence({ target: "connections", duration: "P0D" })).toBe("Connection records are deleted at once.");
  });
});

describe("time", () => {
  it("is relative in the largest unit", () => {
    expect(relativeTime("2026-11-21T09:00:02Z", NOW)).toBe("just now");
    expect(relativeTime("2026-11-21T08:58:00Z", NOW)).toBe("2 minutes ago");
    expect(relativeTime("2026-11-24T10:00:00Z", NOW)).toBe("in 3 days");
    expect(relativeTime("2028-01-01T00:00:00Z", NOW)).toBe("next year");
  });
  it("counts down in two units", () => {
    expect(countdown("2026-12-20T13:00:00Z", NOW)).toBe("29 days 4 hours");
    expect(countdown("2026-11-21T10:05:00Z", NOW)).toBe("1 hour 5 min");
    expect(countdown("2026-11-21T09:03:09Z", NOW)).toBe("3 min 09 sec");
    expect(countdown("2026-11-21T09:00:01Z", NOW)).toBe("1 second");
    expect(countdown("2026-12-20T13:00:00Z", NOW, "pl")).toBe("29 dni 4 godziny");
    expect(countdown("2026-11-21T10:05:00Z", NOW, "de")).toBe("1 Stunde 5 Min.");
    expect(countdown("2026-11-21T08:59:59Z", NOW)).toBe("now");
  });
  it("grows urgent as a due date nears", () => {
    expect(urgency("2026-12-21T09:00:00Z", NOW)).toBe("calm");
    expect(urgency("2026-11-28T09:00:00Z", NOW)).toBe("soon");
    expect(urgency("2026-11-22T09:00:00Z", NOW)).toBe("urgent");
    expect(urgency("2026-11-20T09:00:00Z", NOW)).toBe("overdue");
  });
});

describe("numbers and names", () => {
  it("show sizes in decimal units", () => {
    expect(bytes(1, "en")).toBe("1 byte");
    expect(bytes(999, "en")).toBe("999 bytes");
    expect(bytes(1200, "en")).toBe("1.2 kB");
    expect(bytes(250_000_000, "en")).toBe("250 MB");
  });
  it("count with the right plural", () => {
    expect(counted(1, "message")).toBe("1 message");
    expect(counted(2, "entry", "entries")).toBe("2 entries");
  });
  it("become short names", () => {
    expect(slugFrom("Acme Health, Inc.")).toBe("acme-health-inc");
    expect(slugFrom("  Ünïted & Söhne ")).toBe("united-sohne");
    expect(slugFrom("!!!")).toBe("");
  });
});

describe("password hints", () => {
  it("ask for length first", () => {
    expect(passwordHint("short").words).toBe("5 more to go: at least 10 characters.");
  });
  it("see through the obvious", () => {
    expect(passwordHint("password-password").score).toBe(1);
    expect(passwordHint("acmehealth2026!", ["AcmeHealth"]).score).toBe(1);
    expect(passwordHint("aaaaaaaaaaaaaaaaaaaaaaaa").score).toBe(1);
  });
  it("like long phrases", () => {
    expect(passwordHint("river stone quiet lantern").score).toBe(4);
  });
});
