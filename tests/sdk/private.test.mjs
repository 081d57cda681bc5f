// Private channels and client events: pusher-js, authorized by pusher (Node).

import assert from "node:assert/strict";
import { test } from "node:test";
import { Ear, app, connected, errors, eventually, pusher, server, subscribe } from "./harness.mjs";

test("a signed client hears what is said on a private channel", async (t) => {
  const { ear } = await subscribe(await connected(t), "private-room");
  await pusher.trigger("private-room", "said", { text: "between us" });
  assert.deepEqual(await ear.next("said"), { text: "between us" });
});

/** A client whose authorization is made by `sign`. */
function authorizedBy(t, sign) {
  return connected(t, { channelAuthorization: { customHandler: ({ socketId, channelName }, done) => done(null, sign(socketId, channelName)) } });
}

test("a signature of another secret, another socket, another channel, or none at all is refused", async (t) => {
  const stranger = server({ secret: "0".repeat(64) });
  for (const [what, sign] of [
    ["another secret", (socket, channel) => stranger.authorizeChannel(socket, channel)],
    ["another socket", (_, channel) => pusher.authorizeChannel("1.1", channel)],
    ["another channel", (socket) => pusher.authorizeChannel(socket, "private-other")],
    ["another key", (socket, channel) => server({ key: "stranger" }).authorizeChannel(socket, channel)],
    ["data that was not signed", (socket, channel) => ({ ...pusher.authorizeChannel(socket, channel), channel_data: '{"user_id":"mallory"}' })],
    ["nothing", () => ({ auth: "" })],
    ["rubbish", () => ({ auth: `${app.key}:not-hexadecimal` })],
  ]) {
    const one = await authorizedBy(t, sign);
    const ear = new Ear(one.subscribe("private-room"));
    const fault = await ear.next("pusher:subscription_error");
    assert.equal(fault.type, "AuthError", what);
    assert.equal(fault.status, 401, what);
    await pusher.trigger("private-room", "said", {});
    await ear.silent("said", 100);
    assert.equal(one.connection.state, "connected", `${what}: the connection stays`);
  }
});

test("a client event reaches the others and not its sender", async (t) => {
  const [one, two, three] = [await connected(t), await connected(t), await connected(t)];
  const mine = await subscribe(one, "private-room");
  const theirs = await subscribe(two, "private-room");
  const elsewhere = await subscribe(three, "private-elsewhere");
  assert.ok(mine.channel.trigger("client-typing", { who: "one" }));
  assert.deepEqual(await theirs.ear.next("client-typing"), { who: "one" });
  mine.channel.trigger("client-said", "just text");
  assert.equal(await theirs.ear.next("client-said"), "just text");
  await mine.ear.silent("client-typing");
  await elsewhere.ear.silent("client-typing", 50);
});

test("client events need a private channel that one is on", async (t) => {
  const [one, two] = [await connected(t), await connected(t)];
  const open = await subscribe(one, "open-room");
  const others = await subscribe(two, "open-room");
  const secret = await subscribe(two, "private-room");
  open.channel.trigger("client-typing", {});
  one.send_event("client-typing", {}, "private-room");
  await others.ear.silent("client-typing");
  await secret.ear.silent("client-typing", 50);
  assert.equal(one.connection.state, "connected");
});

test("too many client events are refused with 4301 and the connection stays", async (t) => {
  const [one, two] = [await connected(t), await connected(t)];
  const codes = errors(one);
  const mine = await subscribe(one, "private-room");
  const theirs = await subscribe(two, "private-room");
  for (let n = 0; n < 40; n += 1) mine.channel.trigger("client-n", { n });
  await eventually("4301", () => codes.includes(4301));
  await theirs.ear.next("client-n");
  await theirs.ear.silent("nothing");
  const passed = theirs.ear.all("client-n").length;
  assert.ok(passed >= 10 && passed < 40, `${passed} passed`);
  assert.equal(one.connection.state, "connected");
  await pusher.trigger("private-room", "still", {});
  await mine.ear.next("still");
});
