// What a step of a request is. The API gives the state before and after, and a note; where the state stays, the note alone says
// what happened: `domain/src/requests/{clock,lifting,decisions,reminders}.rs`.

import type { RequestEvent } from "../api/types";

export type Meanwhile = "extended" | "paused" | "resumed" | "acknowledged" | "lifting" | "lifted" | "approved_first" | "reminder";

export interface Step {
  /** Absent: the state is another, or what happened is not known here. */
  meanwhile?: Meanwhile;
  /** What the person was told with it, in the officer's words. */
  words?: string;
}

const NOTES: [Meanwhile, RegExp][] = [
  ["extended", /^extended until [^:]*: (?<words>.*)$/s],
  ["paused", /^the clock stands still \([^)]*\): (?<words>.*)$/s],
  ["resumed", /^the clock goes on/],
  ["acknowledged", /^its receipt was confirmed/],
  ["lifting", /^ends on [^:]*: (?<words>.*)$/s],
  ["lifted", /^it has ended$/],
  ["approved_first", /^approved by one of two$/],
  ["reminder", /^reminder: /],
];

export function changesState({ from, to }: Pick<RequestEvent, "from" | "to">): boolean {
  return from !== to;
}

export function stepOf(event: Pick<RequestEvent, "from" | "to" | "note">): Step {
  if (changesState(event) || event.note === undefined) return {};
  for (const [meanwhile, form] of NOTES) {
    const found = form.exec(event.note);
    if (found) return { meanwhile, ...(found.groups?.["words"] ? { words: found.groups["words"] } : {}) };
  }
  return {};
}
