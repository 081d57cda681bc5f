import { describe, expect, it } from "vitest";
import { Problem, asProblem, byField, problemFrom, sentence } from "./problem";

const BODY = {
  title: "The request cannot be processed",
  status: 422,
  code: "invalid_request",
  detail: "2 fields need a change",
  request_id: "r-1",
  errors: [
    { field: "/owner/email", code: "invalid", detail: "is not an e-mail address" },
    { field: "/allowed_origins/2", code: "invalid", detail: "must be an origin" },
    { field: "?limit", code: "out_of_range" },
  ],
};

describe("problemFrom", () => {
  it("keeps what the API says", () => {
    const problem = problemFrom(BODY, 422);
    expect(problem).toMatchObject({ status: 422, code: "invalid_request", detail: "2 fields need a change", requestId: "r-1" });
    expect(problem.message).toBe("The request cannot be processed");
    expect(problem.fields).toHaveLength(3);
  });
  it("takes request id and waiting time from the headers", () => {
    const problem = problemFrom(undefined, 503, new Headers({ "X-Request-Id": "r-2", "Retry-After": "7" }));
    expect(problem).toMatchObject({ code: "internal", requestId: "r-2", retryAfter: 7 });
  });
  it("survives a body that is not a problem", () => {
    expect(problemFrom("<html>", 502).message).toBe("The server had a problem");
    expect(problemFrom(null, 404).message).toBe("Not found");
    expect(problemFrom({ errors: "no" }, 400).fields).toEqual([]);
  });
});

describe("byField", () => {
  it("gives each field its messages and keeps the rest", () => {
    const { fields, rest } = byField(problemFrom(BODY, 422), ["/owner/email", "/owner", "/allowed_origins"]);
    expect(fields).toEqual({ "/owner/email": ["Is not an e-mail address."], "/allowed_origins": ["Must be an origin."] });
    expect(rest.map((entry) => entry.field)).toEqual(["?limit"]);
  });
  it("does not mistake a longer name for a part", () => {
    const problem = problemFrom({ ...BODY, errors: [{ field: "/name_extra", code: "x" }] }, 422);
    expect(byField(problem, ["/name"]).rest).toHaveLength(1);
  });
});

describe("asProblem", () => {
  it("passes problems through and calls a failed fetch unreachable", () => {
    const problem = new Problem({ status: 409, code: "conflict", title: "Conflict" });
    expect(asProblem(problem)).toBe(problem);
    expect(asProblem(new TypeError("Failed to fetch")).code).toBe("unreachable");
    expect(asProblem("boom").code).toBe("unexpected");
  });
});

describe("sentence", () => {
  it("starts with a capital and ends with a stop", () => {
    expect(sentence("is_taken")).toBe("Is taken.");
    expect(sentence("Really?")).toBe("Really?");
    expect(sentence("")).toBe("");
  });
});
