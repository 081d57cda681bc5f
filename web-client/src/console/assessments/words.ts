import type { Dpia, DpiaRisk } from "../../api/types";
import type { Tone } from "../../components/Badge";
import type { Choice } from "../../components/choices";

type Outcome = Dpia["outcome"];

export const OUTCOMES: Record<Outcome, { label: string; tone: Tone }> = {
  draft: { label: "not decided", tone: "warn" },
  acceptable: { label: "acceptable", tone: "good" },
  consult_authority: { label: "the authority is asked", tone: "warn" },
  rejected: { label: "not acceptable", tone: "bad" },
};

/** What one can decide, and what follows. */
export const DECISIONS: (Choice & { id: Outcome })[] = [
  { id: "acceptable", label: "Acceptable", hint: "Endpoints may rest on it." },
  { id: "consult_authority", label: "Ask the authority first", hint: "A high risk is left (Art. 36). Endpoints that need it stay closed." },
  { id: "rejected", label: "Not acceptable", hint: "Endpoints that need it stay closed." },
  { id: "draft", label: "Not decided yet", hint: "Endpoints that need it are closed until it is." },
];

export const RESIDUALS: (Choice & { id: string })[] = [
  { id: "low", label: "Low" },
  { id: "medium", label: "Medium" },
  { id: "high", label: "High" },
];

const WEIGHT = ["low", "medium", "high"];

/** The worst that is left of all risks. */
export function worst(risks: readonly DpiaRisk[]): { label: string; tone: Tone } {
  const weight = Math.max(0, ...risks.map(({ residual }) => WEIGHT.indexOf(residual)));
  const tones: Tone[] = ["good", "warn", "bad"];
  return { label: WEIGHT[weight] ?? "low", tone: tones[weight] ?? "good" };
}
