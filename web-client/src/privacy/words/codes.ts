// What the server names by a code and the page says in words. Most of it is in the published description; the rest stands here.

import type { components } from "../../api/schema";

type Schemas = components["schemas"];

export type ConsentState = Schemas["ConsentState"];
export type Basis = Schemas["LawfulBasis"];
export type RequestState = Schemas["RequestState"];
/** What happens with a request while its state stays. Reminders are for those who answer it. */
export type Told = Exclude<Schemas["RequestStep"], "reminder">;

/** Why a request may be refused: `domain/src/requests/refusals.rs`. */
export const REFUSALS = [
  "identity_not_verified",
  "information_required",
  "manifestly_unfounded",
  "manifestly_excessive",
  "data_accurate",
  "no_ground",
  "compelling_grounds",
  "rights_of_others_portability",
  "rights_of_others",
  "legal_obligation",
  "legal_claims",
  "public_interest",
  "official_authority",
  "public_health",
  "archiving",
  "freedom_of_expression",
] as const;

export type RefusalCode = (typeof REFUSALS)[number];

/** The words for a code; those for `otherwise` where a server that is newer than the page sends one that is not known here. */
export function said<K extends string>(words: Record<K, string>, code: string, otherwise: string): string {
  return Object.hasOwn(words, code) ? words[code as K] : otherwise;
}
