// What is typed into the form of an assessment, and what the API wants of it.

import type { Dpia, DpiaIn, DpiaRisk } from "../../api/types";
import { instant, localMinute } from "../../format/local";

export interface AssessmentDraft {
  title: string;
  description: string;
  necessity: string;
  risks: DpiaRisk[];
  advice: string;
  /** As `<input type="datetime-local">` holds it, in the visitor's zone; empty when there is none. */
  review: string;
}

export const NO_RISK: DpiaRisk = { risk: "", measure: "", residual: "low" };

export const EMPTY: AssessmentDraft = { title: "", description: "", necessity: "", risks: [NO_RISK], advice: "", review: "" };

export function toDraft(dpia: Dpia): AssessmentDraft {
  const { title, description, necessity, risks, advice, review_at } = dpia;
  return { title, description, necessity, risks, advice: advice ?? "", review: localMinute(review_at) };
}

export function toInput(draft: AssessmentDraft): DpiaIn {
  const { title, description, necessity, risks, advice, review } = draft;
  return {
    title,
    description,
    necessity,
    risks,
    ...(advice.trim() === "" ? {} : { advice }),
    ...(review === "" ? {} : { review_at: instant(review) }),
  };
}
