import { describe, expect, it } from "vitest";
import type { Endpoint } from "../../api/types";
import { toDraft, toPatch } from "./endpointDraft";

const stored = {
  name: "Chat",
  enabled: true,
  record: "before",
  on_withdrawal: "close",
  pool_min: 2,
  pool_max: 100,
  pool_mode: "session",
  sessions_per_socket: 100,
  max_message_bytes: 65_536,
  allowed_origins: ["https://a.example"],
  client_events: true,
  client_events_per_second: 10,
  subscription_counts: false,
  presence_members: 1000,
  channels_per_session: 100,
  slow_consumer: "disconnect",
  max_connections: 50,
  messages_per_second: 0,
  bytes_per_second: 0,
} as Endpoint;

describe("an endpoint's settings", () => {
  it("are shown as they are; what is not limited is empty", () => {
    const draft = toDraft(stored);
    expect(draft.max_connections).toBe("50");
    expect(draft.max_connections_per_subject).toBe("");
    expect(draft.messages_per_second).toBe("0");
  });

  it("go out as numbers; an emptied limit is taken away", () => {
    expect(toPatch({ presence_members: "20", max_connections: "", max_connections_per_address: "7", client_events: false })).toEqual({
      presence_members: 20,
      max_connections: null,
      max_connections_per_address: 7,
      client_events: false,
    });
  });

  it("go out without blanks, and only what was changed", () => {
    expect(toPatch({ allowed_origins: [" https://b.example ", ""], purpose_id: "" })).toEqual({ allowed_origins: ["https://b.example"], purpose_id: null });
    expect(toPatch({})).toEqual({});
  });

  it("send headers by name, and take away what a - stands for", () => {
    expect(toPatch({ upstream_headers: ["Authorization: Bearer a:b", "", "X-One:1"] })).toEqual({ upstream_headers: { Authorization: "Bearer a:b", "X-One": "1" } });
    expect(toPatch({ upstream_headers: ["-"], upstream_certificate: "-", upstream_key: "", upstream_ca: "" })).toEqual({
      upstream_headers: null,
      upstream_certificate: null,
      upstream_ca: null,
    });
  });
});
