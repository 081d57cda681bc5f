import { describe, expect, it } from "vitest";
import type { Endpoint } from "../../api/types";
import { placeOf, waysInto } from "./snippets";

const endpoint = (connect_url: string, kind: Endpoint["kind"] = "channel") => ({ id: "1", kind, key: "the-key", app_id: "123", connect_url }) as Endpoint;

describe("snippets", () => {
  it("reach the endpoint where it is, with the port that its scheme means", () => {
    expect(placeOf(endpoint("wss://weir.example.com/connect/acme/chat"))).toEqual({ host: "weir.example.com", port: 443, tls: true });
    expect(placeOf(endpoint("ws://127.0.0.1:8080/connect/acme/chat"))).toEqual({ host: "127.0.0.1", port: 8080, tls: false });
  });

  it("fill in key and host for every library", () => {
    const ways = waysInto(endpoint("wss://weir.example.com/connect/acme/chat"), "acme");
    expect(ways.map(({ id }) => id)).toEqual(["pusher-js", "echo", "node", "python", "websocket"]);
    for (const { id, snippets } of ways.slice(0, 4)) {
      const code = snippets.map((snippet) => snippet.code).join("\n");
      expect(code, id).toContain("the-key");
      expect(code, id).toContain("weir.example.com");
    }
  });

  it("offer a relay nothing but its socket", () => {
    expect(waysInto(endpoint("wss://weir.example.com/connect/acme/desk", "relay"), "acme").map(({ id }) => id)).toEqual(["websocket"]);
  });
});
