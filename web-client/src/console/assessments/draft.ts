// What is typed into the form of an assessment, and what the API wants of it.

import type { Dpia, DpiaIn, DpiaRisk } from "../../api/types";

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
  return { title, description, necessity, risks, advice: advice ?? "", review: review_at === undefined ? "" : localMinute(new Date(review_at)) };
}

export function toInput(draft: AssessmentDraft): DpiaIn {
  const { title, description, necessity, risks, advice, review } = draft;
  const at = review === "" ? undefined : new Date(review);
  return {
    title,
    description,
    necessity,
    risks,
    ...(advice.trim() === "" ? {} : { advice }),
    // What is no time at all is told by the server, at its field.
    ...(at === undefined ? {} : { review_at: Number.isNaN(at.getTime()) ? review : at.toISOString() }),
  };
}

function localMinute(at: Date): string {
  const two = (part: number) => String(part).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
}
