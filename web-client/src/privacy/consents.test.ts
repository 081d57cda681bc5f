import { describe, expect, it } from "vitest";
import type { PortalConsent } from "../api/types";
import { goesUnlessRefused, isOn } from "./consents";

const purpose = (lawful_basis: PortalConsent["purpose"]["lawful_basis"], honours_gpc: boolean) => ({ id: "1", slug: "p", name: "P", lawful_basis, rights: [], honours_gpc });

describe("what is done with somebody's data", () => {
  it("is off until they consent, where it rests on consent", () => {
    const consent = { purpose: purpose("consent", true), valid: false };
    expect(goesUnlessRefused(consent)).toBe(false);
    expect(isOn(consent)).toBe(false);
    expect(isOn({ ...consent, state: "given", valid: true })).toBe(true);
  });
  it("is on until they say no, where it rests on something else and gives way to that", () => {
    const interest = { purpose: purpose("legitimate_interests", true), valid: false };
    expect(goesUnlessRefused(interest)).toBe(true);
    expect(isOn(interest)).toBe(true);
    for (const state of ["refused", "withdrawn", "revoked"] as const) expect(isOn({ ...interest, state })).toBe(false);
    expect(isOn({ ...interest, state: "expired" })).toBe(true);
  });
});
