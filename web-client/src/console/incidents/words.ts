import type { Incident } from "../../api/types";
import type { Tone } from "../../components/Badge";
import type { Choice } from "../../components/choices";
import { counted } from "../../format/number";

export const EXPOSURES: Choice[] = [
  { id: "live", label: "Messages as they passed", hint: "Somebody could read along, or opened messages." },
  { id: "stored", label: "A copy of the store", hint: "It is sealed; the keys are elsewhere." },
  { id: "stored_with_keys", label: "A copy of the store, and the keys" },
];
export const RISKS: Choice[] = [
  { id: "unknown", label: "Not known yet", hint: "Counts as a risk." },
  { id: "unlikely", label: "Unlikely", hint: "Nobody has to be told." },
  { id: "risk", label: "A risk", hint: "The authority has to be told." },
  { id: "high", label: "A high risk", hint: "The persons have to be told too." },
];
export const NATURES: Choice[] = [
  { id: "confidentiality", label: "Somebody saw what they should not" },
  { id: "integrity", label: "Something was changed" },
  { id: "availability", label: "Something is lost" },
];
/** Why persons need not be told in spite of a high risk, Art. 34 (3). */
export const EXEMPTIONS: Choice[] = [
  { id: "", label: "They have to be told, if the risk is high" },
  { id: "unintelligible", label: "Nobody can read what got out" },
  { id: "risk_removed", label: "The risk was removed since" },
  { id: "disproportionate", label: "It would be out of proportion", hint: "The public has to be told instead." },
];

/** How the clock of 72 hours stands. */
export function clock(incident: Pick<Incident, "state" | "risk" | "notified_at" | "late">): { words: string; tone: Tone; running: boolean } {
  if (incident.notified_at) return { words: incident.late ? "told late" : "told in time", tone: incident.late ? "warn" : "good", running: false };
  if (incident.state === "closed") return { words: "closed", tone: "plain", running: false };
  if (incident.risk === "unlikely") return { words: "nobody has to be told", tone: "plain", running: false };
  return incident.late ? { words: "overdue", tone: "bad", running: true } : { words: "running", tone: "warn", running: true };
}

/** What the job that computes the scope does now. */
export function scopingInWords({ step, done, total }: NonNullable<Incident["scoping"]>): string {
  if (total === 0) return "Waits for its turn.";
  return step === "counting" ? `Counts: ${done} of ${counted(total, "kind")} of messages.` : `Notes whom it touched: ${done} of ${counted(total, "person")}.`;
}
