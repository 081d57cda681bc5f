import type { Choice } from "../../components/choices";
import type { LawfulBasis } from "../../api/types";

export const BASES: (Choice & { id: LawfulBasis })[] = [
  { id: "consent", label: "Consent", hint: "The person agreed, and may withdraw at any time. Art. 6 (1) a" },
  { id: "contract", label: "Contract", hint: "Needed to do what was agreed with the person. Art. 6 (1) b" },
  { id: "legal_obligation", label: "Legal obligation", hint: "The law demands it. Art. 6 (1) c" },
  { id: "vital_interests", label: "Vital interests", hint: "To protect somebody’s life. Art. 6 (1) d" },
  { id: "public_task", label: "Public task", hint: "A task in the public interest. Art. 6 (1) e" },
  { id: "legitimate_interests", label: "Legitimate interests", hint: "Yours, weighed against the person’s. Art. 6 (1) f" },
];

export function basisInWords(id: string): string {
  return BASES.find((basis) => basis.id === id)?.label ?? id.replaceAll("_", " ");
}
