// The typed client on the published description, and the three habits every call shares:
// a failed answer is thrown as a Problem, a POST carries an Idempotency-Key, and a call whose answer got lost on the way is
// sent once more under the same key.

import createClient from "openapi-fetch";
import { problemFrom } from "./problem";
import type { paths } from "./schema";

export const API_BASE = "/api/v1";

export const api = createClient<paths>({ baseUrl: API_BASE, credentials: "same-origin", fetch: fetchTwice });

type Outcome<T> = { data?: T; error?: unknown; response: Response };

/** The body of a successful answer; throws a Problem otherwise. */
export async function body<T>(call: Promise<Outcome<T>>): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok) {
    if (response.status === 401) for (const tell of watchers) tell();
    throw problemFrom(error, response.status, response.headers);
  }
  return data as T;
}

const watchers = new Set<() => void>();

/** Tells when any call was answered 401, so that a page can look whether its session is still there. */
export function on401(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** For answers without a body. */
export async function done(call: Promise<Outcome<unknown>>): Promise<void> {
  await body(call);
}

/** The header that makes a change fail with 412 when somebody else was faster. */
export function ifMatch(version: number): { headers: Record<string, string> } {
  return { headers: { "If-Match": `"v${version}"` } };
}

let acceptLanguage: string | undefined;

/** What the server's own words (mails, notices) should come in, where the page lets people choose. */
export function setAcceptLanguage(tag: string): void {
  acceptLanguage = tag;
}

async function fetchTwice(request: Request): Promise<Response> {
  if (acceptLanguage) request.headers.set("Accept-Language", acceptLanguage);
  const safe = request.method === "GET" || request.method === "HEAD";
  if (request.method === "POST") request.headers.set("Idempotency-Key", randomKey());
  const again = request.clone();
  try {
    return await fetch(request);
  } catch (error) {
    const repeatable = safe || request.method === "POST";
    if (!repeatable || request.signal.aborted) throw error;
    await new Promise((resolve) => setTimeout(resolve, 400));
    return fetch(again);
  }
}

// crypto.randomUUID exists on secure origins only; a server on a local network without TLS is not one.
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
