// Signing in, events to a user, ending a user's connections, watchlists: pusher-js and pusher (Node).

import assert from "node:assert/strict";
import { test } from "node:test";
import { Ear, connected, errors, eventually, pause, pusher, server, state, subscribe } from "./harness.mjs";

/** A client that is signed in. */
async function signedIn(t, as, options = {}) {
  const one = await connected(t, { as, ...options });
  const ear = new Ear(one.user);
  const watch = { online: [], offline: [] };
  for (const what of ["online", "offline"]) one.user.watchlist.bind(what, ({ user_ids }) => watch[what].push(...user_ids));
  one.signin();
  await eventually("the answer to the sign-in", () => one.user.user_data?.id === as.id && one.user.serverToUserChannel?.subscribed);
  return { one, ear, watch };
}

test("an event to a user reaches every socket of that user and no other", async (t) => {
  const first = await signedIn(t, { id: "ada", user_info: { name: "Ada" } });
  const second = await signedIn(t, { id: "ada" });
  const other = await signedIn(t, { id: "bob" });
  const nobody = await connected(t);
  await pusher.sendToUser("ada", "note", { text: "for you" });
  assert.deepEqual(await first.ear.next("note"), { text: "for you" });
  assert.deepEqual(await second.ear.next("note"), { text: "for you" });
  await first.ear.silent("note", 50);
  await other.ear.silent("note");
  assert.equal(nobody.connection.state, "connected");
});

test("an event to a user whom nobody is goes nowhere", async () => {
  await pusher.sendToUser("nobody-at-all", "note", {});
});

test("a user cannot listen to another user's channel", async (t) => {
  const { one } = await signedIn(t, { id: "mallory" });
  const faults = [];
  one.connection.bind("message", (message) => message.event === "pusher:subscription_error" && faults.push(message.channel));
  one.send_event("pusher:subscribe", { channel: "#server-to-user-ada", auth: "" });
  await eventually("the refusal", () => faults.includes("#server-to-user-ada"));
});

test("a sign-in that is not signed by us ends the connection with 4009", async (t) => {
  const stranger = server({ secret: "0".repeat(64) });
  const one = await connected(t, { userAuthentication: { customHandler: ({ socketId }, done) => done(null, stranger.authenticateUser(socketId, { id: "ada" })) } });
  const codes = errors(one);
  one.signin();
  await state(one, "disconnected");
  assert.ok(codes.includes(4009), `4009 in ${codes}`);
});

test("ending a user's connections ends all of them, with 4009, and nobody else's", async (t) => {
  const first = await signedIn(t, { id: "eve" });
  const second = await signedIn(t, { id: "eve" });
  const other = await signedIn(t, { id: "bob" });
  const codes = errors(first.one);
  await pusher.terminateUserConnections("eve");
  await state(first.one, "disconnected");
  await state(second.one, "disconnected");
  assert.ok(codes.includes(4009), `4009 in ${codes}`);
  await pause(200);
  assert.equal(other.one.connection.state, "connected");
  await pusher.terminateUserConnections("never-seen");
});

test("a watchlist tells who is there, who comes and who goes", async (t) => {
  const cara = await signedIn(t, { id: "cara" });
  const { watch } = await signedIn(t, { id: "watcher", watchlist: ["cara", "dora"] });
  await eventually("cara online", () => watch.online.includes("cara"));
  assert.ok(!watch.online.includes("dora"));
  const first = await signedIn(t, { id: "dora" });
  await eventually("dora online", () => watch.online.includes("dora"));
  const second = await signedIn(t, { id: "dora" });
  first.one.disconnect();
  await pause(300);
  assert.ok(!watch.offline.includes("dora"), "her other socket is still there");
  second.one.disconnect();
  await eventually("dora offline", () => watch.offline.includes("dora"));
  assert.deepEqual(watch.online.filter((id) => id === "dora"), ["dora"], "told once");
  assert.deepEqual(cara.watch, { online: [], offline: [] }, "who watches nobody hears of nobody");
});

test("a watchlist of more than a hundred is cut there, with 4302", async (t) => {
  const watchlist = Array.from({ length: 101 }, (_, n) => `friend-${n}`);
  const one = await connected(t, { as: { id: "popular", watchlist } });
  const codes = errors(one);
  one.signin();
  await eventually("4302", () => codes.includes(4302));
  await eventually("the sign-in", () => one.user.user_data?.id === "popular");
  assert.equal(one.connection.state, "connected");
});

test("signing in again after a reconnection works by itself", async (t) => {
  const { one, ear } = await signedIn(t, { id: "fay" });
  one.disconnect();
  await state(one, "disconnected");
  one.connect();
  await eventually("the sign-in", () => one.user.user_data?.id === "fay" && one.user.serverToUserChannel?.subscribed);
  await pusher.sendToUser("fay", "note", { n: 2 });
  assert.deepEqual(await ear.next("note"), { n: 2 });
  const { ear: room } = await subscribe(one, "room");
  await pusher.trigger("room", "ping", {});
  await room.next("ping");
});
