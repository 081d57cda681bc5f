// Errors as the API tells them (RFC 9457), and the way they reach the right form field.
// What does not come from the API (network gone, body unreadable) becomes a Problem too, so pages know one kind of error.

export interface FieldProblem {
  /** JSON pointer into the request body (`/owner/email`), `?limit` for a query parameter, or a header's name. */
  field: string;
  code: string;
  detail?: string | undefined;
}

export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly detail: string | undefined;
  readonly requestId: string | undefined;
  readonly fields: readonly FieldProblem[];
  /** Seconds to wait, from `Retry-After`. */
  readonly retryAfter: number | undefined;

  constructor(parts: {
    status: number;
    code: string;
    title: string;
    detail?: string | undefined;
    requestId?: string | undefined;
    fields?: readonly FieldProblem[] | undefined;
    retryAfter?: number | undefined;
  }) {
    super(parts.title);
    this.name = "Problem";
    this.status = parts.status;
    this.code = parts.code;
    this.detail = parts.detail;
    this.requestId = parts.requestId;
    this.fields = parts.fields ?? [];
    this.retryAfter = parts.retryAfter;
  }
}

/** Reads a problem+json body; anything else still gives a Problem with the status that came. */
export function problemFrom(body: unknown, status: number, headers?: Headers): Problem {
  const retry = Number(headers?.get("Retry-After"));
  const shared = {
    status,
    retryAfter: Number.isFinite(retry) && retry > 0 ? retry : undefined,
    requestId: headers?.get("X-Request-Id") ?? undefined,
  };
  if (!isRecord(body)) {
    return new Problem({ ...shared, code: status >= 500 ? "internal" : "unexpected", title: plainStatus(status) });
  }
  return new Problem({
    ...shared,
    code: text(body["code"]) ?? "unexpected",
    title: text(body["title"]) ?? plainStatus(status),
    detail: text(body["detail"]),
    requestId: text(body["request_id"]) ?? shared.requestId,
    fields: Array.isArray(body["errors"]) ? body["errors"].filter(isRecord).map(fieldFrom) : [],
  });
}

/** Any thrown value as a Problem. A failed fetch is a TypeError in every browser. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof TypeError) {
    return new Problem({
      status: 0,
      code: "unreachable",
      title: "The server cannot be reached",
      detail: "Check your connection and try again. Nothing was changed, or it will not be done twice.",
    });
  }
  return new Problem({ status: 0, code: "unexpected", title: "Something unexpected happened", detail: String(error) });
}

/**
 * Splits a problem into messages for the fields a form has (by name = JSON pointer) and the rest.
 * An error on a part of a field (`/allowed_origins/2`) is shown at the field that holds it.
 */
export function byField(
  problem: Problem,
  names: readonly string[],
  say: (entry: FieldProblem) => string = ({ detail, code }) => sentence(detail ?? code),
): { fields: Record<string, string[]>; rest: FieldProblem[] } {
  const fields: Record<string, string[]> = {};
  const rest: FieldProblem[] = [];
  for (const entry of problem.fields) {
    const name = names
      .filter((candidate) => entry.field === candidate || entry.field.startsWith(`${candidate}/`))
      .sort((a, b) => b.length - a.length)[0];
    if (name === undefined) rest.push(entry);
    else (fields[name] ??= []).push(say(entry));
  }
  return { fields, rest };
}

/** "must not be empty" → "Must not be empty." */
export function sentence(words: string): string {
  const trimmed = words.trim().replaceAll("_", " ");
  if (trimmed === "") return "";
  const capital = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(capital) ? capital : `${capital}.`;
}

function fieldFrom(entry: Record<string, unknown>): FieldProblem {
  return { field: text(entry["field"]) ?? "", code: text(entry["code"]) ?? "invalid", detail: text(entry["detail"]) };
}

function plainStatus(status: number): string {
  if (status === 404) return "Not found";
  if (status === 429) return "Too many requests";
  if (status >= 500) return "The server had a problem";
  return `The request was refused (${status})`;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
