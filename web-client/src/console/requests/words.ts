import type { RequestEvent, SubjectRequest } from "../../api/types";
import type { Tone } from "../../components/Badge";
import type { Choice } from "../../components/choices";

const STATES: Record<string, { words: string; tone: Tone }> = {
  received: { words: "received", tone: "accent" },
  verified: { words: "identity checked", tone: "accent" },
  in_progress: { words: "in progress", tone: "accent" },
  approval: { words: "waits for approval", tone: "warn" },
  completed: { words: "completed", tone: "good" },
  refused: { words: "refused", tone: "bad" },
  withdrawn: { words: "withdrawn", tone: "plain" },
  expired: { words: "expired", tone: "plain" },
};

export function requestState(state: string): { words: string; tone: Tone } {
  return STATES[state] ?? { words: state.replaceAll("_", " "), tone: "plain" };
}

export function isOpen(request: Pick<SubjectRequest, "state">): boolean {
  return ["received", "verified", "in_progress", "approval"].includes(request.state);
}

/** Whether a restriction or an objection is in force, so that its end can be announced. */
export function stands({ kind, state, lifted_at }: Pick<SubjectRequest, "kind" | "state" | "lifted_at">): boolean {
  return ["restriction", "objection"].includes(kind) && state === "completed" && lifted_at === undefined;
}

export const KINDS = ["access", "portability", "rectification", "erasure", "restriction", "objection"] as const;

export const KIND_WORDS: Record<SubjectRequest["kind"], string> = {
  access: "Access",
  portability: "Portability",
  rectification: "Rectification",
  erasure: "Erasure",
  restriction: "Restriction",
  objection: "Objection",
};

/** What an approval sets going. */
export const APPROVAL_WORDS: Record<SubjectRequest["kind"], string> = {
  access: "The copy of everything held about them is prepared, and they are told by mail when it can be downloaded.",
  portability: "The data that they gave is put into files for programs, and they are told by mail when these can be downloaded.",
  rectification: "A new e-mail address takes the place of the old one; every other correction, and their statement, is kept beside what is recorded. Whoever got their data is told, and so are they, by mail.",
  erasure: "Everything held about them is erased now. It cannot be undone.",
  restriction: "Their data is only stored from now on: their sockets close, and nothing is delivered or read until you announce its end. They are told by mail.",
  objection: "Nothing is delivered to them any more for the purposes that they object to, until you announce its end. They are told by mail.",
};

/** What was done, before the counts of it. */
export const DONE_WORDS: Record<SubjectRequest["kind"], string> = {
  access: "Collected",
  portability: "Collected",
  rectification: "Corrected",
  erasure: "Erased",
  restriction: "Restricted",
  objection: "Stopped",
};

/** What happened while the state stayed as it was. */
export const MEANWHILE_WORDS: Record<NonNullable<RequestEvent["what"]>, string> = {
  extended: "Extended",
  paused: "Clock stopped",
  resumed: "Clock goes on",
  acknowledged: "Receipt confirmed",
  lifting: "End announced",
  lifted: "Ended",
  approved_first: "Approved by one of two",
  reminder: "Reminder sent",
};

/** Why an answer takes longer, Art. 12 (3). */
export const EXTENSIONS: Choice[] = [
  { id: "complexity", label: "It is complex" },
  { id: "number_of_requests", label: "There are many such requests" },
];

/** What the clock may stand still for. */
export const PAUSES: Choice[] = [
  { id: "identity", label: "They have to show who they are" },
  { id: "clarification", label: "They have to say what they mean" },
];

/** Why a restriction is wanted, Art. 18 (1). */
export const GROUNDS: Choice[] = [
  { id: "accuracy", label: "The data is wrong" },
  { id: "unlawful", label: "The processing is unlawful, and they want no erasure" },
  { id: "legal_claims", label: "They need it for legal claims" },
  { id: "objection", label: "They objected, and that is not decided yet" },
];

/** Where a request came in. */
export const ORIGIN_WORDS: Record<SubjectRequest["origin"], string> = {
  portal: "on the privacy page",
  tenant: "by your team",
  agent: "by somebody whom the person authorised",
  opendsr: "by your systems, through OpenDSR",
};

/** Grounds on which a request may be refused, Art. 12, 15 (4) and 17 (3) GDPR; some fit one kind of request only. */
const REFUSALS: (Choice & { only?: SubjectRequest["kind"] })[] = [
  { id: "identity_not_verified", label: "Identity not confirmed", hint: "Art. 12 (2) and (6)" },
  { id: "information_required", label: "More information is needed", hint: "Art. 12 (6)" },
  { id: "manifestly_unfounded", label: "Manifestly unfounded", hint: "Art. 12 (5)" },
  { id: "manifestly_excessive", label: "Manifestly excessive", hint: "It repeats earlier ones. Art. 12 (5)" },
  { id: "rights_of_others", label: "Rights of others", hint: "Art. 15 (4)", only: "access" },
  { id: "rights_of_others_portability", label: "Rights of others", hint: "Art. 20 (4)", only: "portability" },
  { id: "data_accurate", label: "Checked, and accurate", hint: "Art. 16", only: "rectification" },
  { id: "no_ground", label: "No ground for a restriction", hint: "Art. 18 (1)", only: "restriction" },
  { id: "compelling_grounds", label: "Compelling legitimate grounds", hint: "Art. 21 (1)", only: "objection" },
  { id: "legal_obligation", label: "Legal obligation to keep it", hint: "Art. 17 (3) b", only: "erasure" },
  { id: "legal_claims", label: "Legal claims", hint: "Art. 17 (3) e", only: "erasure" },
  { id: "public_interest", label: "Task in the public interest", hint: "Art. 17 (3) b", only: "erasure" },
  { id: "official_authority", label: "Official authority", hint: "Art. 17 (3) b", only: "erasure" },
  { id: "public_health", label: "Public health", hint: "Art. 17 (3) c", only: "erasure" },
  { id: "archiving", label: "Archiving, research or statistics", hint: "Art. 17 (3) d", only: "erasure" },
  { id: "freedom_of_expression", label: "Freedom of expression", hint: "Art. 17 (3) a", only: "erasure" },
];

export function refusalsFor(kind: SubjectRequest["kind"]): Choice[] {
  return REFUSALS.filter(({ only }) => only === undefined || only === kind);
}

export function refusalInWords(code: string): string {
  return REFUSALS.find((refusal) => refusal.id === code)?.label ?? code.replaceAll("_", " ");
}
