import type { Tone } from "../../components/Badge";

const STATES: Record<string, { words: string; tone: Tone }> = {
  given: { words: "given", tone: "good" },
  renewed: { words: "renewed", tone: "good" },
  refused: { words: "refused", tone: "bad" },
  withdrawn: { words: "withdrawn", tone: "bad" },
  revoked: { words: "revoked", tone: "bad" },
  invalidated: { words: "invalidated", tone: "bad" },
  expired: { words: "expired", tone: "warn" },
  requested: { words: "requested", tone: "accent" },
};

export function consentState(state: string): { words: string; tone: Tone } {
  return STATES[state] ?? { words: state.replaceAll("_", " "), tone: "plain" };
}
