// Connecting, being refused, liveness: pusher-js.

import assert from "node:assert/strict";
import { test } from "node:test";
import { client, connected, errors, eventually, pause, server, state, subscribe } from "./harness.mjs";

test("a client connects and learns its socket id", async (t) => {
  const one = await connected(t);
  assert.match(one.connection.socket_id, /^\d+\.\d+$/);
  const other = await connected(t);
  assert.notEqual(other.connection.socket_id, one.connection.socket_id);
});

test("an unknown key is refused with 4001 and the client does not come back", async (t) => {
  const one = client(t, { key: "0123456789abcdef0123" });
  const codes = errors(one);
  await state(one, "disconnected");
  assert.ok(codes.includes(4001), `4001 in ${codes}`);
  await pause(1_200);
  assert.equal(one.connection.state, "disconnected");
});

test("a client that hears nothing for a while asks, is answered and stays", async (t) => {
  const one = await connected(t, { activityTimeout: 300, pongTimeout: 2_000 });
  const socket = one.connection.socket_id;
  let pongs = 0;
  one.connection.bind("message", ({ event }) => (pongs += event === "pusher:pong" ? 1 : 0));
  await eventually("three pongs", () => pongs >= 3);
  assert.equal(one.connection.socket_id, socket, "the same connection");
});

test("a client that disconnects and connects again gets its subscriptions back", async (t) => {
  const one = await connected(t);
  const { ear } = await subscribe(one, "news");
  const socket = one.connection.socket_id;
  one.disconnect();
  await state(one, "disconnected");
  one.connect();
  await ear.next("pusher:subscription_succeeded");
  assert.notEqual(one.connection.socket_id, socket);
  await server().trigger("news", "again", { n: 1 });
  assert.deepEqual(await ear.next("again"), { n: 1 });
});
