import { describe, expect, it } from "vitest";
import { difference, orNull } from "./useEdit";

describe("difference", () => {
  it("keeps only what was changed, lists compared by their content", () => {
    const base = { name: "Chat", origins: ["a"], enabled: true };
    expect(difference(base, { name: "Chat", origins: ["a"], enabled: true })).toEqual({});
    expect(difference(base, { name: "Talk", origins: ["a", "b"], enabled: true })).toEqual({ name: "Talk", origins: ["a", "b"] });
  });
});

describe("orNull", () => {
  it("turns an emptied input into the null that clears, and leaves the rest", () => {
    expect(JSON.stringify({ value: orNull("") })).toBe('{"value":null}');
    expect(orNull("x")).toBe("x");
    expect(JSON.stringify({ value: orNull(undefined) })).toBe("{}");
  });
});
