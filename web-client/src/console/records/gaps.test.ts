import { expect, it } from "vitest";
import type { ProcessingRecord } from "../../api/reports";
import { gaps } from "./gaps";

const RECORD: ProcessingRecord = {
  record: "GDPR Art. 30(1)",
  made_at: "2026-01-01T00:00:00Z",
  controller: { name: "Acme", address: "Main Street 1", country: "DE", contact: "dpo@acme.example" },
  contact: { name: "Dora", email: "dpo@acme.example", phone: null },
  activities: [{ activity: "Chat", transfers: "none" }],
  security_measures: [],
};

it("finds nothing where all is said", () => {
  expect(gaps(RECORD)).toEqual([]);
});

it("names what nobody said", () => {
  const empty: ProcessingRecord = {
    ...RECORD,
    controller: { ...RECORD.controller, address: "not declared", country: "" },
    contact: { name: null, email: null, phone: null },
    activities: [{ activity: "Chat", transfers: "not declared" }],
  };
  expect(gaps(empty)).toEqual(["your address", "your country", "how to reach you", "transfers to other countries"]);
});
