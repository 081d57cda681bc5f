// What the settings form edits, and what of it goes to the API.

import type { Endpoint, EndpointPatch } from "../../api/types";
import { filled } from "../../components/fields";
import { orNull } from "../../components/useEdit";

export const LABELS = {
  name: "name",
  enabled: "whether it is open",
  record: "recording",
  purpose_id: "purpose",
  on_withdrawal: "what happens on withdrawal",
  upstream_url: "back end",
  upstream_headers: "headers to the back end",
  upstream_certificate: "client certificate",
  upstream_key: "key of the client certificate",
  upstream_ca: "authority of the back end",
  pool_min: "warm connections",
  pool_max: "most connections",
  pool_mode: "how clients share connections",
  sessions_per_socket: "clients on one connection",
  allowed_origins: "allowed origins",
  jwks_url: "key set",
  max_message_bytes: "message size",
  client_events: "whether clients publish",
  client_events_per_second: "client events per second",
  subscription_counts: "subscription counts",
  presence_members: "members of a presence channel",
  channels_per_session: "channels of one client",
  slow_consumer: "slow clients",
  max_connections: "connections",
  max_connections_per_subject: "connections of one person",
  max_connections_per_address: "connections from one address",
  messages_per_second: "messages per second",
  bytes_per_second: "bytes per second",
  authenticate_within_seconds: "time to sign in",
};

// Numbers that stand in the row whatever is said, and those that may be absent; inputs hold text.
const NUMBERS = ["pool_min", "pool_max", "sessions_per_socket", "max_message_bytes", "client_events_per_second", "presence_members", "channels_per_session", "messages_per_second", "bytes_per_second"] as const;
const PERHAPS = ["max_connections", "max_connections_per_subject", "max_connections_per_address", "authenticate_within_seconds"] as const;

type Texts = Record<(typeof NUMBERS)[number] | (typeof PERHAPS)[number], string>;

export function toDraft(endpoint: Endpoint) {
  return {
    name: endpoint.name,
    enabled: endpoint.enabled,
    record: endpoint.record as string,
    purpose_id: endpoint.purpose_id ?? "",
    on_withdrawal: endpoint.on_withdrawal as string,
    upstream_url: endpoint.upstream_url ?? "",
    // Not shown again: what is typed takes the place of what is there.
    upstream_headers: [] as string[],
    upstream_certificate: "",
    upstream_key: "",
    upstream_ca: endpoint.upstream_ca ?? "",
    pool_mode: endpoint.pool_mode as string,
    allowed_origins: endpoint.allowed_origins,
    jwks_url: endpoint.jwks_url ?? "",
    client_events: endpoint.client_events,
    subscription_counts: endpoint.subscription_counts,
    slow_consumer: endpoint.slow_consumer as string,
    ...(Object.fromEntries([...NUMBERS, ...PERHAPS].map((name) => [name, String(endpoint[name] ?? "")])) as Texts),
  };
}

/** `Name: value`, one a line; a single `-` means none. */
export function toHeaders(lines: string[]): Record<string, string> | null {
  if (lines.length === 1 && lines[0] === "-") return null;
  return Object.fromEntries(
    lines.map((line) => {
      const [name = "", ...value] = line.split(":");
      return [name.trim(), value.join(":").trim()];
    }),
  );
}

export type Draft = ReturnType<typeof toDraft>;

export function toPatch(changes: Partial<Draft>): EndpointPatch {
  const patch: Record<string, unknown> = { ...changes };
  if (changes.purpose_id !== undefined) patch["purpose_id"] = orNull(changes.purpose_id);
  if (changes.jwks_url !== undefined) patch["jwks_url"] = orNull(changes.jwks_url);
  if (changes.upstream_ca !== undefined) patch["upstream_ca"] = orNull(changes.upstream_ca);
  if (changes.upstream_headers !== undefined) patch["upstream_headers"] = toHeaders(filled(changes.upstream_headers));
  if (changes.upstream_certificate === "-") {
    patch["upstream_certificate"] = null;
    delete patch["upstream_key"];
  }
  if (changes.allowed_origins !== undefined) patch["allowed_origins"] = filled(changes.allowed_origins);
  for (const name of NUMBERS) if (changes[name] !== undefined) patch[name] = Number(changes[name]);
  for (const name of PERHAPS) if (changes[name] !== undefined) patch[name] = changes[name] === "" ? null : Number(changes[name]);
  return patch as EndpointPatch;
}
