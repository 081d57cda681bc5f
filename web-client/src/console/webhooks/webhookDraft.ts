// What the settings form edits, and what of it goes to the API.

import type { Webhook, WebhookPatch } from "../../api/types";
import { orNull } from "../../components/useEdit";

export const LABELS = {
  enabled: "whether it is on",
  url: "address",
  description: "description",
  events: "events",
  channel_prefix: "channels",
};

export function toDraft(webhook: Webhook) {
  return {
    enabled: webhook.enabled,
    url: webhook.url ?? "",
    description: webhook.description ?? "",
    // In the order in which they are answered, so that ticking and unticking one is no change.
    events: [...webhook.events].sort(),
    channel_prefix: webhook.channel_prefix ?? "",
  };
}

export type Draft = ReturnType<typeof toDraft>;

export function toPatch(changes: Partial<Draft>): WebhookPatch {
  const patch: Record<string, unknown> = { ...changes };
  for (const name of ["url", "description", "channel_prefix"] as const) {
    if (changes[name] !== undefined) patch[name] = orNull(changes[name]);
  }
  return patch as WebhookPatch;
}
