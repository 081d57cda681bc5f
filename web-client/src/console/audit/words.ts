import type { Tone } from "../../components/Badge";
import type { LogWitness } from "../../api/types";

/** `retention_rule.changed` → "Retention rule changed". */
export function kindInWords(kind: string): string {
  const words = kind.replace(/[._]/g, " ").trim();
  const capital = words.charAt(0).toUpperCase() + words.slice(1);
  return capital.replace(/\b(api|dpia)\b/gi, (short) => short.toUpperCase());
}

/** Why a witness does not vouch. */
export const FAILURES: Record<NonNullable<LogWitness["failure"]>, { label: string; hint: string; tone: Tone }> = {
  unreachable: { label: "not reached", hint: "It does not answer, or not in time. It is asked again.", tone: "warn" },
  unknown_log: { label: "does not know the log", hint: "Give it this log’s verifier key.", tone: "warn" },
  not_signed: { label: "does not know the key", hint: "The key of the log was replaced: give it the new one.", tone: "warn" },
  bad_answer: { label: "answers nonsense", hint: "What it answers is not of the protocol, or its signature is not good.", tone: "bad" },
  conflict: { label: "has seen another log", hint: "It has seen a log of this name that says otherwise: an older copy of the store was put back, or there are two logs.", tone: "bad" },
};
