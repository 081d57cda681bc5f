import { describe, expect, it } from "vitest";
import type { Webhook } from "../../api/types";
import { difference } from "../../components/useEdit";
import { toDraft, toPatch } from "./webhookDraft";

const stored = { enabled: true, url: "https://app.example/hook", events: ["disconnected", "connected"] } as Webhook;

describe("a webhook's settings", () => {
  it("are shown as they are; what is not set is empty", () => {
    expect(toDraft(stored)).toEqual({ enabled: true, url: "https://app.example/hook", description: "", events: ["connected", "disconnected"], channel_prefix: "" });
  });

  it("are unchanged when the same events come in another order", () => {
    const again = { ...stored, events: ["connected", "disconnected"] } as Webhook;
    expect(difference(toDraft(stored), toDraft(again))).toEqual({});
  });

  it("go out only where they changed; an emptied field is cleared", () => {
    expect(toPatch({ channel_prefix: "", enabled: false })).toEqual({ channel_prefix: null, enabled: false });
    expect(toPatch({ url: "" })).toEqual({ url: null });
    expect(toPatch({})).toEqual({});
  });
});
