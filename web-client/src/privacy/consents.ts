// How a person stands to what is done with their data.

import type { PortalConsent } from "../api/types";

const NO = ["refused", "withdrawn", "revoked"];

/** Whether it does not rest on a consent, and gives way to a no: it is on until somebody says that. */
export function goesUnlessRefused({ purpose }: Pick<PortalConsent, "purpose">): boolean {
  return purpose.lawful_basis !== "consent" && purpose.honours_gpc;
}

/** Whether it happens now. */
export function isOn(consent: Pick<PortalConsent, "purpose" | "state" | "valid">): boolean {
  return consent.valid || (goesUnlessRefused(consent) && !NO.includes(consent.state ?? ""));
}
