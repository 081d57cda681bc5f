// Words for balances: whether what came in is accounted for.

import type { Balance, RetentionClass } from "../../api/types";
import type { Tone } from "../../components/Badge";

/** Whether a balance adds up, and what is wrong when it does not. */
export function verdict(balance: Pick<Balance, "difference"> | undefined): { tone: Tone; label: string } {
  if (balance === undefined) return { tone: "plain", label: "not drawn yet" };
  if (balance.difference === 0) return { tone: "good", label: "adds up" };
  return balance.difference > 0 ? { tone: "bad", label: `${balance.difference} missing` } : { tone: "bad", label: `${-balance.difference} too many` };
}

/** "5 in = 2 here + 2 deleted + 1 held" */
export function equation(balance: Pick<Balance, "ingested" | "live" | "deleted" | "anonymised" | "held">): string {
  const terms = [`${balance.live} here`, `${balance.deleted} deleted`];
  if (balance.anonymised > 0) terms.push(`${balance.anonymised} anonymised`);
  if (balance.held > 0) terms.push(`${balance.held} held`);
  return `${balance.ingested} in = ${terms.join(" + ")}`;
}

/** What has expired and still waits for its removal. Nobody can read it. */
export function overdue({ overdue, lag_seconds }: Pick<RetentionClass, "overdue" | "lag_seconds">): string | undefined {
  return overdue === 0 ? undefined : `${overdue} expired, the oldest for ${Math.ceil(lag_seconds)} s`;
}
