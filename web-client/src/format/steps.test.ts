import { describe, expect, it } from "vitest";
import { stepOf } from "./steps";

const stays = (note: string) => stepOf({ from: "approval", to: "approval", note });

describe("a step of a request", () => {
  it("is named by what happened where the state stays", () => {
    expect(stays("extended until 2027-01-28, because the request is complex: we look: everywhere\nin two places")).toEqual({ meanwhile: "extended", words: "we look: everywhere\nin two places" });
    expect(stays("the clock stands still (identity): show a bill")).toEqual({ meanwhile: "paused", words: "show a bill" });
    expect(stays("the clock goes on; due 2027-01-01")).toEqual({ meanwhile: "resumed" });
    expect(stays("ends on 2027-01-01: it was checked")).toEqual({ meanwhile: "lifting", words: "it was checked" });
    expect(stays("it has ended")).toEqual({ meanwhile: "lifted" });
    expect(stays("reminder: overdue, day 3")).toEqual({ meanwhile: "reminder" });
  });
  it("is its state where that is another, whatever the note says, and where the note is not known", () => {
    expect(stepOf({ from: "verified", to: "approval", note: "it has ended" })).toEqual({});
    expect(stepOf({ to: "received", note: "reminder: no" })).toEqual({});
    expect(stays("something new")).toEqual({});
  });
});
