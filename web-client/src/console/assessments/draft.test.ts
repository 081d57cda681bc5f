import { expect, it } from "vitest";
import type { Dpia } from "../../api/types";
import { EMPTY, toDraft, toInput } from "./draft";
import { worst } from "./words";

const DPIA: Dpia = {
  id: "1",
  title: "Chat",
  description: "Support chat",
  necessity: "There is no other way",
  risks: [{ risk: "eavesdropping", measure: "sealing", residual: "low" }],
  outcome: "draft",
  review_at: "2027-01-01T09:30:00Z",
  created_at: "2026-01-01T00:00:00Z",
  updated_at: "2026-01-01T00:00:00Z",
  version: 1,
};

it("gives back what it was made of, whatever the zone", () => {
  const input = toInput(toDraft(DPIA));
  expect(new Date(input.review_at ?? "").getTime()).toBe(Date.parse("2027-01-01T09:30:00Z"));
  expect({ ...input, review_at: undefined }).toEqual({ title: "Chat", description: "Support chat", necessity: "There is no other way", risks: DPIA.risks, review_at: undefined });
});

it("leaves out what is empty, and passes on what is no time", () => {
  expect(Object.keys(toInput(EMPTY))).toEqual(["title", "description", "necessity", "risks"]);
  expect(toInput({ ...EMPTY, review: "soon" }).review_at).toBe("soon");
});

it("names the worst that is left", () => {
  const risk = (residual: string) => ({ risk: "r", measure: "m", residual });
  expect(worst([risk("low"), risk("high"), risk("medium")])).toEqual({ label: "high", tone: "bad" });
  expect(worst([])).toEqual({ label: "low", tone: "good" });
});
