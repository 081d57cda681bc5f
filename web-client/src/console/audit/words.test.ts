import { describe, expect, it } from "vitest";
import { kindInWords } from "./words";

describe("kindInWords", () => {
  it("makes words of a kind", () => {
    expect(kindInWords("retention_rule.changed")).toBe("Retention rule changed");
  });
  it("writes abbreviations as such", () => {
    expect(kindInWords("dpia.created")).toBe("DPIA created");
    expect(kindInWords("api_key.created")).toBe("API key created");
    expect(kindInWords("endpoint.dpia_set")).toBe("Endpoint DPIA set");
  });
});
