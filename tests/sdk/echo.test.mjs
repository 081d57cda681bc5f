// laravel-echo on pusher-js, authorized the way a Laravel back end does it: over HTTP, by whoever the request comes from.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { text } from "node:stream/consumers";
import Echo from "laravel-echo";
import Pusher from "pusher-js";
import { clientOptions, app, eventually, pause, pusher } from "./harness.mjs";

/** A back end's `/broadcasting/auth`. The bearer token is the user's id; `banned` gets 403. */
async function backEnd(t) {
  const server = createServer(async (request, response) => {
    const form = new URLSearchParams(await text(request));
    const user = request.headers.authorization?.replace("Bearer ", "");
    if (user === "banned" || request.url !== "/broadcasting/auth") return response.writeHead(403).end();
    const channel = form.get("channel_name");
    const member = channel.startsWith("presence-") ? { user_id: user, user_info: { id: user, name: user.toUpperCase() } } : undefined;
    return response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(pusher.authorizeChannel(form.get("socket_id"), channel, member)));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${server.address().port}/broadcasting/auth`;
}

async function echo(t, user, authEndpoint) {
  const { channelAuthorization: _, userAuthentication: __, ...options } = clientOptions();
  // Without headers of its own, an Echo changes those of all the others.
  const auth = { headers: {} };
  const one = new Echo({ broadcaster: "pusher", auth, Pusher, key: app.key, authEndpoint, bearerToken: user, ...options });
  t.after(() => one.disconnect());
  await eventually("the connection", () => one.connectionStatus() === "connected");
  return one;
}

/** Resolves once Echo says that the channel is subscribed. */
const subscribed = (channel) => new Promise((resolve, reject) => channel.subscribed(() => resolve(channel)).error((fault) => reject(new Error(JSON.stringify(fault)))));

/** Calls of a callback, in order. */
function calls() {
  const list = [];
  const call = (data) => list.push(data);
  return { call, list, next: () => eventually("a call", () => list.length > 0 && [list.shift()]).then(([first]) => first) };
}

test("a channel hears events of the application's namespace and others", async (t) => {
  const one = await echo(t, "ada", await backEnd(t));
  const [shipped, plain] = [calls(), calls()];
  const channel = one.channel("orders").listen("OrderShipped", shipped.call).listen(".plain", plain.call);
  await subscribed(channel);
  await pusher.trigger("orders", "App\\Events\\OrderShipped", { order: 1 });
  await pusher.trigger("orders", "plain", { order: 2 });
  assert.deepEqual(await shipped.next(), { order: 1 });
  assert.deepEqual(await plain.next(), { order: 2 });
  assert.match(one.socketId(), /^\d+\.\d+$/);
});

test("toOthers leaves out the sender's socket", async (t) => {
  const auth = await backEnd(t);
  const [one, two] = [await echo(t, "ada", auth), await echo(t, "bob", auth)];
  const [mine, theirs] = [calls(), calls()];
  await subscribed(one.channel("orders").listen(".said", mine.call));
  await subscribed(two.channel("orders").listen(".said", theirs.call));
  await pusher.trigger("orders", "said", {}, { socket_id: one.socketId() });
  await theirs.next();
  await pause(200);
  assert.deepEqual(mine.list, []);
});

test("a private channel needs the back end's word, and whispers go to the others", async (t) => {
  const auth = await backEnd(t);
  const [one, two] = [await echo(t, "ada", auth), await echo(t, "bob", auth)];
  const [mine, theirs] = [calls(), calls()];
  const hers = await subscribed(one.private("chat").listenForWhisper("typing", mine.call));
  await subscribed(two.private("chat").listenForWhisper("typing", theirs.call));
  hers.whisper("typing", { name: "Ada" });
  assert.deepEqual(await theirs.next(), { name: "Ada" });
  assert.deepEqual(mine.list, []);
  const banned = await echo(t, "banned", auth);
  await assert.rejects(subscribed(banned.private("chat")), /403/);
});

test("a presence channel tells who is here, joining and leaving", async (t) => {
  const auth = await backEnd(t);
  const [one, two] = [await echo(t, "ada", auth), await echo(t, "bob", auth)];
  const [here, joining, leaving, whisper] = [calls(), calls(), calls(), calls()];
  one.join("room").here(here.call).joining(joining.call).leaving(leaving.call).listenForWhisper("wave", whisper.call);
  assert.deepEqual(await here.next(), [{ id: "ada", name: "ADA" }]);
  const hereToo = calls();
  const his = two.join("room").here(hereToo.call);
  assert.equal((await hereToo.next()).length, 2);
  assert.deepEqual(await joining.next(), { id: "bob", name: "BOB" });
  his.whisper("wave", { hello: true });
  assert.deepEqual(await whisper.next(), { hello: true });
  two.leave("room");
  assert.deepEqual(await leaving.next(), { id: "bob", name: "BOB" });
});

test("an encrypted private channel is read by its members only", async (t) => {
  const one = await echo(t, "ada", await backEnd(t));
  const said = calls();
  await subscribed(one.encryptedPrivate("vault").listen(".said", said.call));
  await pusher.trigger("private-encrypted-vault", "said", { text: "sealed" });
  assert.deepEqual(await said.next(), { text: "sealed" });
});

test("who left a channel, in whatever form it was joined, hears nothing more", async (t) => {
  const one = await echo(t, "ada", await backEnd(t));
  const heard = calls();
  await subscribed(one.channel("left").listen(".said", heard.call));
  await subscribed(one.private("left").listen(".said", heard.call));
  one.leave("left");
  const marker = calls();
  await subscribed(one.channel("marker").listen(".said", marker.call));
  await pusher.trigger(["left", "private-left", "marker"], "said", {});
  await marker.next();
  await pause(200);
  assert.deepEqual(heard.list, []);
});
