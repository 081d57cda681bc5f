import { describe, expect, it } from "vitest";
import { factsInWords } from "./facts";

describe("factsInWords", () => {
  it("tells what people can read and leaves out hashes, times and ids", () => {
    expect(factsInWords({ at: "2026-11-21T10:50:53Z", method: "api", notice_hash: "f5c1", purpose: "support", purpose_ids: ["x"] })).toBe("method: api, purpose: support");
  });
  it("names what is true and skips what is false or missing", () => {
    expect(factsInWords({ email: true, restricted: false, expires: null })).toBe("email");
  });
  it("opens a rule and says its duration", () => {
    expect(factsInWords({ rule: { name: "Chat", duration: "P30D", endpoint_id: "x" } })).toBe("name: Chat, duration: 30 days");
  });
  it("joins lists of words", () => {
    expect(factsInWords({ changed: ["contact_email", "name"], version: 2 })).toBe("changed: contact email and name, version: 2");
  });
  it("says nothing about what it does not understand", () => {
    expect(factsInWords(null) + factsInWords([1]) + factsInWords({ deep: { er: 1 } })).toBe("");
  });
});
