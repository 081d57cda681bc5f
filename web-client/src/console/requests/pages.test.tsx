import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { renderToStaticMarkup } from "react-dom/server";
import { Route, Routes, StaticRouter } from "react-router";
import { describe, expect, it } from "vitest";
import { Problem } from "../../api/problem";
import type { Me, Subject, SubjectRequest } from "../../api/types";
import { LoadedPage } from "../../components/LoadedPage";
import { SessionContext } from "../session";
import { Restriction } from "../subjects/Restriction";
import { RequestPage } from "./RequestPage";

const AT = "2026-11-21T09:00:00Z";
const ME = { permissions: ["requests:read", "requests:write", "subjects:read", "subjects:write", "catalogue:read"] } as unknown as Me;
const LAW = { key: "gdpr", name: "GDPR", respond: "1 month", extend: "2 months", pauses: ["identity"], rolls_to_working_day: true, keep_records: "3 years", remind_days: [] };

function request(more: Partial<SubjectRequest>): SubjectRequest {
  return { id: "r", kind: "rectification", state: "approval", origin: "portal", subject_id: "s", received_at: AT, due_at: "2999-01-01T00:00:00Z", jurisdiction: "gdpr", overdue: false, events: [], version: 1, ...more };
}

function drawn(what: React.ReactNode, known: [unknown[], unknown][] = []): string {
  const cache = new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: Infinity } } });
  for (const [key, data] of known) cache.setQueryData(key, data);
  return renderToStaticMarkup(
    <QueryClientProvider client={cache}>
      <SessionContext.Provider value={ME}>
        <StaticRouter location="/requests/r">{what}</StaticRouter>
      </SessionContext.Provider>
    </QueryClientProvider>,
  );
}

const page = (one: SubjectRequest) =>
  drawn(
    <Routes>
      <Route path="/requests/:id" element={<RequestPage />} />
    </Routes>,
    [
      [["request", "r"], one],
      [["subject", "s"], { id: "s", external_id: "user-1", email: "old@example.com", restricted: false, created_at: AT, version: 1 }],
      [["purposes", "names"], { items: [{ id: "p", slug: "ads", name: "Advertising" }] }],
      [["data-types", "names"], { items: [{ id: "d", slug: "city", name: "City" }] }],
      [["jurisdictions"], { items: [LAW] }],
      [
        ["request", "r", "messages"],
        {
          items: [
            { id: "1", at: AT, author: "subject", text: "It is spelled wrong" },
            { id: "2", at: AT, author: "member:m", text: "Where?" },
          ],
        },
      ],
    ],
  );

describe("the page of a request", () => {
  it("shows all that is asked: corrections with what was, words, purposes, ground", () => {
    const corrections = [
      { field: "email", value: "new@example.com" },
      { field: "city", value: "Bonn" },
    ];
    const html = page(request({ details: { corrections, text: "Please do", ground: "accuracy", purpose_ids: ["p"] } }));
    for (const said of ["<del>old@example.com</del>", "<ins>new@example.com</ins>", "City", "<ins>Bonn</ins>", "Please do", "Advertising", "The data is wrong"]) expect(html).toContain(said);
  });

  it("shows what was written, oldest first, and has room to answer", () => {
    const html = page(request({}));
    expect(html.indexOf("It is spelled wrong")).toBeGreaterThan(0);
    expect(html.indexOf("It is spelled wrong")).toBeLessThan(html.indexOf("Where?"));
    expect(html).toContain("Write to the person");
  });

  it("offers what the law and the state allow, and nothing else", () => {
    const open = page(request({ acknowledge_by: AT }));
    for (const label of ["Approve…", "Extend…", "Ask, and stop the clock…", "Receipt is confirmed…"]) expect(open).toContain(label);
    const paused = page(request({ paused_at: AT, pause_reason: "identity", extended_at: AT, extension_reason: "complexity" }));
    expect(paused).toContain("Let the clock go on…");
    for (const label of ["Extend…", "Ask, and stop the clock…", "Lift the restriction…"]) expect(paused).not.toContain(label);
    const standing = page(request({ kind: "restriction", state: "completed" }));
    expect(standing).toContain("Lift the restriction…");
    for (const label of ["Approve…", "Extend…", "Let the clock go on…"]) expect(standing).not.toContain(label);
    expect(page(request({ kind: "restriction", state: "completed", lifted_at: AT }))).not.toContain("Lift the restriction…");
  });
});

describe("a person's restriction", () => {
  const subject: Subject = { id: "s", external_id: "user-1", restricted: true, created_at: AT, version: 1 };
  const with_ = (items: SubjectRequest[]) => drawn(<Restriction subject={subject} />, [[["requests", "restrictions", "s"], { items }]]);
  it("is lifted at the request that it rests on", () => {
    const html = with_([request({ id: "old", kind: "restriction", state: "completed", lifted_at: AT }), request({ id: "now", kind: "restriction", state: "completed" })]);
    expect(html).toContain('href="/requests/now"');
    expect(html).not.toContain("Lift the restriction…");
  });
  it("is lifted here where no request asked for it", () => {
    expect(with_([])).toContain("Lift the restriction…");
  });
});

describe("a page about what is not there", () => {
  const failed = (status: number) => drawn(<LoadedPage query={{ data: undefined, error: new Problem({ status, code: "x", title: "No", requestId: "R-1" }), refetch: () => undefined }} back={{ to: "/requests", label: "Requests" }} children={() => null} />);
  it("says so in its heading, leads back, and does not offer to try again", () => {
    const html = failed(404);
    expect(html).toMatch(/<h1>Not found<\/h1>/);
    expect(html).toContain('href="/requests"');
    expect(html).toContain("Reference for support");
    expect(html).not.toContain("Try again");
  });
  it("offers to try again what may pass", () => {
    expect(failed(503)).toContain("Try again");
  });
});
