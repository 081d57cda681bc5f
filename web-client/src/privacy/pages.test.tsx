// Every page, drawn in every language with everything on it that can be there.

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { renderToStaticMarkup } from "react-dom/server";
import { StaticRouter } from "react-router";
import { describe, expect, it } from "vitest";
import type { Held, Portal, PortalConsent, PortalMe, RequestEvent, SubjectRequest } from "../api/types";
import { ProblemNote } from "../components/ProblemNote";
import { problemFrom } from "../api/problem";
import { App } from "./App";
import { ConsentCard } from "./ConsentCard";
import { EnterCode } from "./EnterCode";
import { OpenLink } from "./OpenLink";
import { RequestCard } from "./RequestCard";
import { Rights } from "./Rights";
import { Welcome } from "./Welcome";
import { Speaking, speech, wanted } from "./language";
import { LANGUAGES, type Language } from "./words";
import { REFUSALS } from "./words/codes";

const TAGS = Object.keys(LANGUAGES) as Language[];
const AT = "2026-11-21T09:00:00Z";
const ID = "0198f0a0-0000-7000-8000-000000000001";

const purpose = { id: ID, slug: "chat", name: "P-Zweck", lawful_basis: "consent" as const, rights: [], honours_gpc: false };
const portal: Portal = {
  tenant: { name: "T-Acme", slug: "acme", language: "en", contact_email: "dpo@acme.example" },
  purposes: (["consent", "contract", "legal_obligation", "vital_interests", "public_task", "legitimate_interests"] as const).map((lawful_basis) => ({ ...purpose, name: `P-${lawful_basis}`, lawful_basis })),
};
const held: Held = { purpose: "P-Zweck", endpoint: "E-Chat", data_types: ["D-City"], messages: 3, oldest_at: AT, newest_at: AT, next_expiry_at: "2999-01-01T00:00:00Z", last_expiry_at: "2999-01-02T00:00:00Z", duration: "P1Y2M" };
const me: PortalMe = { email: "ada@example.com", known: true, held: [held, { ...held, endpoint: "E-None", purpose: "P-Other" }], connections: 4 };
const event = { id: ID, at: AT, state: "given" as const, receipt_url: "/x" };
const states = ["requested", "given", "renewed", "refused", "withdrawn", "revoked", "expired", "invalidated", "unknown"] as const;
const consent = {
  purpose,
  state: "given",
  since: AT,
  valid: true,
  expires_at: AT,
  notice: { version_id: ID, text: "N-Text", language: "en", hash: "00" },
  history: states.map((state, index) => ({ ...event, id: `${index}`, state })),
} as unknown as PortalConsent;
const off = { ...consent, purpose: { ...purpose, id: "2" }, valid: false, state: undefined } as unknown as PortalConsent;
const interest = { ...consent, purpose: { ...purpose, id: "3", lawful_basis: "legitimate_interests", honours_gpc: true }, valid: false, state: undefined, history: [] } as unknown as PortalConsent;
const refused = { ...interest, purpose: { ...interest.purpose, id: "4" }, state: "withdrawn" } as unknown as PortalConsent;

const stays = (step: Partial<RequestEvent>): RequestEvent => ({ at: AT, from: "approval", to: "approval", actor: "member", ...step });
const MEANWHILE = [
  stays({ what: "extended", note: "extended until 2027-01-28, because it is complex: W-Later", words: "W-Later" }),
  stays({ what: "paused", note: "the clock stands still (identity): W-Who", words: "W-Who" }),
  stays({ what: "resumed", note: "the clock goes on; due 2027-02-01" }),
  stays({ what: "acknowledged" }),
  stays({ what: "lifting", words: "W-Checked" }),
  stays({ what: "lifted" }),
  stays({ what: "approved_first" }),
  stays({ what: "reminder", note: "reminder: overdue, day 3" }),
  stays({ note: "something that only they need to know" }),
];

function request(more: Partial<SubjectRequest>): SubjectRequest {
  const events = (["received", "verified", "approval", "in_progress", "completed", "refused", "withdrawn", "expired"] as const).map((to) => ({ at: AT, to, actor: "subject" }));
  return { id: JSON.stringify(more), kind: "access", state: "received", origin: "portal", received_at: AT, due_at: "2999-01-01T00:00:00Z", jurisdiction: "gdpr", overdue: false, events, ...more } as SubjectRequest;
}

const requests = [
  ...(["access", "portability", "rectification", "erasure", "restriction", "objection"] as const).map((kind) => request({ kind })),
  ...REFUSALS.map((code) => request({ state: "refused", refusal: { code, text: "W-Words" } })),
  request({ state: "refused", refusal: { code: "newer_than_the_page" }, receipt_url: "/r" }),
  request({ due_at: AT, paused_at: AT, extended_at: AT, lift_at: AT, progress: { messages: 1, of: 2 } }),
  request({ kind: "erasure", state: "completed", receipt_url: "/r", result: { messages: 1, connections: 2, consents: 5, keys: 22, corrections: 0, purposes: 0, held: 0 } }),
  request({ events: MEANWHILE, details: { text: "W-Text", ground: "accuracy", corrections: [{ field: "email", value: "new@example.com" }, { field: "city", value: "W-Bonn" }], purpose_ids: [ID] } }),
  request({ state: "completed", export: { size: 1234, sha256: "00", expires_at: AT, downloads: 0 } }),
];

async function drawn(tag: Language, what: React.ReactNode): Promise<string> {
  const cache = new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: Infinity } } });
  cache.setQueryData(["portal", "acme"], portal);
  cache.setQueryData(["portal", "acme", "mine", "consents"], { items: [consent, off, interest, refused] });
  cache.setQueryData(["portal", "acme", "mine", "requests"], { items: requests });
  const first = await speech({ language: tag, locale: tag });
  return renderToStaticMarkup(
    <QueryClientProvider client={cache}>
      <Speaking first={first}>
        <StaticRouter location="/">{what}</StaticRouter>
      </Speaking>
    </QueryClientProvider>,
  );
}

const nothing = () => undefined;
const PAGES: [string, React.ReactNode][] = [
  ["the missing page", <App key="1" />],
  ["the welcome", <Welcome key="2" slug="acme" portal={portal} note="ended" token={undefined} onTokenDropped={nothing} onOpened={nothing} />],
  ["the code", <EnterCode key="3" slug="acme" email="ada@example.com" onOpened={nothing} onBack={nothing} />],
  ["the link", <OpenLink key="4" slug="acme" token="t" onOpened={nothing} onBack={nothing} />],
  ["the rights", <Rights key="5" slug="acme" me={me} onLeft={nothing} />],
  ["nobody's rights", <Rights key="6" slug="acme" me={{ email: "eve@example.com", known: false, held: [], connections: 0 }} onLeft={nothing} />],
  ["a problem", <ProblemNote key="7" problem={problemFrom({ code: "rate_limited", title: "Too many requests", detail: "Wait a little", request_id: "R-1", errors: [{ field: "/email", code: "invalid", detail: "use an address" }] }, 429, new Headers({ "Retry-After": "3" }))} />],
];

/** The words of a drawn page: text, and what is read out. */
function texts(html: string): string[] {
  const labels = [...html.matchAll(/(?:aria-label|placeholder)="([^"]*)"/g)].map((match) => match[1] ?? "");
  const shown = html.replace(/<select class="language"[\s\S]*?<\/select>/g, "").split(/<[^>]*>/);
  return [...labels, ...shown].map((text) => text.trim()).filter((text) => /\p{L}{3}/u.test(text));
}

describe.each(PAGES)("%s", (_, page) => {
  it.each(TAGS)("speaks %s and nothing else", async (tag) => {
    const html = await drawn(tag, page);
    expect(html).not.toMatch(/undefined|\[object|NaN/);
    if (tag === "en") return;
    const english = new Set(texts(await drawn("en", page)).filter((text) => text.split(" ").length >= 3));
    for (const text of texts(html)) expect(english.has(text), `English in ${tag}: ${text}`).toBe(false);
  });
});

describe("the receipt of a request", () => {
  it.each(TAGS)("says in %s that it was done where it was done, and not where it was refused or taken back", async (tag) => {
    const { receipt, receiptHint, outcome, outcomeHint } = (await LANGUAGES[tag].load())(tag).requests;
    for (const state of ["completed", "refused", "withdrawn"] as const) {
      const html = await drawn(tag, <RequestCard slug="acme" request={request({ state, receipt_url: "/r" })} />);
      const [said, unsaid] = state === "completed" ? [[receipt, receiptHint], [outcome, outcomeHint]] : [[outcome, outcomeHint], [receipt, receiptHint]];
      for (const text of said) expect(html).toContain(text);
      for (const text of unsaid) expect(html).not.toContain(text);
    }
  });
});

describe("a purpose that asks nobody first and gives way to a no", () => {
  it.each(TAGS)("is shown in %s as it is: on until the no, and never as something that was not asked for", async (tag) => {
    const { never, unless } = (await LANGUAGES[tag].load())(tag).consents;
    const card = (one: PortalConsent) => drawn(tag, <ConsentCard consent={one} busy={false} onChange={nothing} />);
    expect(await card(interest)).toMatch(/<input[^>]*checked/);
    expect(texts(await card(interest))).toContain(unless.unsaid);
    expect(await card(interest)).not.toContain(never);
    expect(await card(refused)).not.toMatch(/<input[^>]*checked/);
    expect(await card(refused)).toContain(unless.off);
  });
});

describe("a request on the page", () => {
  it.each(TAGS)("says again in %s what was asked, and what happened meanwhile, each by its name", async (tag) => {
    const { meanwhile } = (await LANGUAGES[tag].load())(tag).requests;
    const html = await drawn(tag, <RequestCard slug="acme" request={request({ kind: "objection", events: MEANWHILE, details: { text: "W-Text", corrections: [{ field: "email", value: "new@example.com" }], purpose_ids: [ID] } })} />);
    for (const said of ["W-Text", "new@example.com", "P-consent", "W-Later", "W-Who", "W-Checked"]) expect(html).toContain(said);
    const shown = texts(html);
    for (const name of Object.values(meanwhile)) expect(shown.filter((text) => text === name.replaceAll("'", "&#x27;"))).toHaveLength(1);
    expect(html).not.toContain("reminder");
    expect(html).not.toContain("only they need");
  });
});

describe("the choice of a language", () => {
  it("is remembered over what the browser asks for", () => {
    expect(wanted("a=b; weir_language=pl", ["de"])).toEqual({ language: "pl", locale: "pl" });
    expect(wanted("weir_language=de", ["fr", "de-AT"])).toEqual({ language: "de", locale: "de-AT" });
  });
  it("is not fooled by a cookie that is none of ours", () => {
    expect(wanted("weir_language=xx", ["nl-BE"])).toEqual({ language: "nl", locale: "nl-BE" });
    expect(wanted("other_weir_language=pl", ["nl"])).toEqual({ language: "nl", locale: "nl" });
  });
});
