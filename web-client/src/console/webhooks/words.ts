// Words for what webhooks are told and how it went.

import type { Webhook, WebhookAttempt, WebhookDelivery } from "../../api/types";
import type { Tone } from "../../components/Badge";

export const EVENTS: { id: string; label: string; hint: string }[] = [
  { id: "connected", label: "connected", hint: "A session opened." },
  { id: "disconnected", label: "disconnected", hint: "A session ended, with code and reason." },
  { id: "channel_occupied", label: "channel_occupied", hint: "The first subscriber came." },
  { id: "channel_vacated", label: "channel_vacated", hint: "The last subscriber left for good." },
  { id: "member_added", label: "member_added", hint: "A member came to a presence channel." },
  { id: "member_removed", label: "member_removed", hint: "A member left for good." },
  { id: "client_event", label: "client_event", hint: "A client published an event." },
  { id: "cache_miss", label: "cache_miss", hint: "A cache channel held nothing." },
  { id: "subscription_count", label: "subscription_count", hint: "The number of subscribers changed." },
];

/** What a webhook is doing, in a word. */
export function standing(webhook: Pick<Webhook, "enabled" | "disabled_reason" | "failing_since" | "url">): { tone: Tone; label: string } {
  if (!webhook.enabled) {
    if (webhook.disabled_reason === "gone") return { tone: "bad", label: "off: receiver is gone" };
    if (webhook.disabled_reason === "failing") return { tone: "bad", label: "off: failed for days" };
    return { tone: "plain", label: "off" };
  }
  if (webhook.url === undefined) return { tone: "plain", label: "kept to be read" };
  return webhook.failing_since === undefined ? { tone: "good", label: "on" } : { tone: "warn", label: "failing" };
}

export const STATES: Record<WebhookDelivery["state"], { tone: Tone; label: string }> = {
  pending: { tone: "warn", label: "waiting" },
  delivered: { tone: "good", label: "delivered" },
  failed: { tone: "bad", label: "given up" },
  expired: { tone: "plain", label: "nothing left to tell" },
};

const ERRORS: Record<NonNullable<WebhookAttempt["error"]>, string> = {
  unreachable: "could not be reached",
  timeout: "did not answer in time",
  status: "refused it",
  gone: "said that it is gone",
  too_old: "waited too long",
  internal: "our fault",
};

/** How an attempt went. */
export function outcome({ status, error }: { status?: number | undefined; error?: WebhookAttempt["error"] | undefined }): string {
  const word = error === undefined ? "taken" : ERRORS[error];
  return status === undefined ? word : `${status}, ${word}`;
}

/** "2 connected, 1 disconnected" */
export function counted(counts: unknown): string {
  return Object.entries((counts ?? {}) as Record<string, number>)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(", ");
}
