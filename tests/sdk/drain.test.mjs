// A server that goes and comes back: WEIR_PID is asked to stop here, and whoever runs this script starts it again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, errors, eventually, need, pusher, state, subscribe } from "./harness.mjs";

test("clients are told to come back when the server goes, and go on where they were", async (t) => {
  const one = await connected(t, { as: { id: "ada", user_info: { name: "Ada" } } });
  const codes = errors(one);
  const room = await subscribe(one, "presence-room");
  const news = await subscribe(one, "news");
  one.signin();
  await eventually("the sign-in", () => one.user.serverToUserChannel?.subscribed);
  const socket = one.connection.socket_id;

  process.kill(Number(need("WEIR_PID")), "SIGTERM");
  await eventually("the end of the connection", () => one.connection.state !== "connected", 30_000);
  assert.ok(codes.includes(4200), `told with 4200, not ${codes}`);

  await state(one, "connected", 60_000);
  assert.notEqual(one.connection.socket_id, socket);
  const { members } = await room.ear.next("pusher:subscription_succeeded");
  assert.deepEqual(members, { ada: { name: "Ada" } });
  await news.ear.next("pusher:subscription_succeeded");
  await pusher.trigger("news", "headline", { text: "back again" });
  assert.deepEqual(await news.ear.next("headline"), { text: "back again" });
  await eventually("the sign-in", () => one.user.serverToUserChannel?.subscribed);
});
