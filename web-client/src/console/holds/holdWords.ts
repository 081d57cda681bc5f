// Words for legal holds: what one covers, and where it stands.

import type { Hold } from "../../api/types";
import type { Tone } from "../../components/Badge";

type Scope = Pick<Hold, "endpoint_id" | "channel_pattern" | "subject_id" | "data_type_id" | "purpose_id" | "recorded_from" | "recorded_to">;

interface Names {
  endpoint: (id: string | undefined) => string;
  purpose: (id: string | undefined) => string;
  dataType: (id: string | undefined) => string;
}

/** "Messages on chat, on channels room-*, about one person" */
export function coverageOf(hold: Scope, names: Names): string {
  const parts = [
    hold.endpoint_id && `on ${names.endpoint(hold.endpoint_id)}`,
    hold.channel_pattern && `on channels ${hold.channel_pattern}`,
    hold.subject_id && "about one person",
    hold.data_type_id && `with ${names.dataType(hold.data_type_id)}`,
    hold.purpose_id && `for ${names.purpose(hold.purpose_id)}`,
    hold.recorded_from && `recorded from ${day(hold.recorded_from)}`,
    hold.recorded_to && `recorded before ${day(hold.recorded_to)}`,
  ].filter((part) => part !== undefined && part !== "");
  return parts.length === 0 ? "Every message" : `Messages ${parts.join(", ")}`;
}

function day(at: string): string {
  return at.slice(0, 10);
}

/** Where a hold stands, in a word. */
export function standing(hold: Pick<Hold, "state" | "next_review_at" | "starts_at" | "cleared_at">, now: number): { tone: Tone; label: string } {
  if (hold.state !== "active") {
    const label = hold.state === "lifted" ? "lifted" : "ended";
    return hold.cleared_at === undefined ? { tone: "warn", label: `${label}, being cleared` } : { tone: "plain", label };
  }
  if (Date.parse(hold.starts_at) > now) return { tone: "plain", label: "not begun" };
  return Date.parse(hold.next_review_at) <= now ? { tone: "warn", label: "review due" } : { tone: "good", label: "stands" };
}
