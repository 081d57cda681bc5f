// The HTTP API through pusher (Node): questions about channels, and every refusal.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { app, connected, pusher, refused, server, state, subscribe } from "./harness.mjs";

/** A GET through the SDK, parsed. */
async function ask(path, params) {
  const answer = await pusher.get({ path, params });
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type"), /^application\/json/);
  return answer.json();
}

test("occupied channels are listed, by prefix and with what is asked for", async (t) => {
  const [ada, bob] = [await connected(t, { as: { id: "ada" } }), await connected(t, { as: { id: "bob" } })];
  await subscribe(ada, "list-public");
  await subscribe(ada, "presence-list");
  await subscribe(bob, "presence-list");
  const { channels } = await ask("/channels");
  assert.deepEqual(channels["list-public"], {});
  assert.deepEqual(channels["presence-list"], {});
  assert.deepEqual(await ask("/channels", { filter_by_prefix: "presence-list", info: "user_count" }), { channels: { "presence-list": { user_count: 2 } } });
  assert.deepEqual(await ask("/channels", { filter_by_prefix: "nothing-begins-so" }), { channels: {} });
});

test("a channel is described", async (t) => {
  const ada = await connected(t, { as: { id: "ada" } });
  await subscribe(ada, "presence-one");
  await subscribe(ada, "one");
  await subscribe(await connected(t), "one");
  assert.deepEqual(await ask("/channels/presence-one", { info: "user_count,subscription_count" }), { occupied: true, user_count: 1, subscription_count: 1 });
  assert.deepEqual(await ask("/channels/one", { info: "subscription_count" }), { occupied: true, subscription_count: 2 });
  assert.deepEqual(await ask("/channels/empty"), { occupied: false });
});

test("the cached event of a cache channel can be read", async (t) => {
  await subscribe(await connected(t), "cache-read");
  await pusher.trigger("cache-read", "price", { euros: 3 });
  const { cache } = await ask("/channels/cache-read", { info: "cache" });
  assert.deepEqual(JSON.parse(cache.data), { euros: 3 });
  assert.ok(cache.ttl > 0 && cache.ttl <= 1800, `ttl ${cache.ttl}`);
});

test("the members of a presence channel are listed once each", async (t) => {
  for (const id of ["ada", "bob", "bob"]) await subscribe(await connected(t, { as: { id } }), "presence-users");
  const { users } = await ask("/channels/presence-users/users");
  assert.deepEqual(users.map(({ id }) => id).sort(), ["ada", "bob"]);
  assert.deepEqual(await ask("/channels/presence-nobody/users"), { users: [] });
});

test("publishing answers what is asked about its channels", async (t) => {
  await subscribe(await connected(t, { as: { id: "ada" } }), "presence-info");
  await subscribe(await connected(t), "info");
  const answer = await pusher.trigger(["presence-info", "info"], "ping", {}, { info: "subscription_count" });
  const { channels } = await answer.json();
  assert.deepEqual(channels, { "presence-info": { subscription_count: 1 }, info: { subscription_count: 1 } });
  const users = await pusher.trigger("presence-info", "ping", {}, { info: "user_count" });
  assert.deepEqual(await users.json(), { channels: { "presence-info": { user_count: 1 } } });
  assert.deepEqual(await (await pusher.trigger("info", "ping", {})).json(), {});
  const batch = await pusher.triggerBatch([
    { channel: "info", name: "ping", data: {}, info: "subscription_count" },
    { channel: "info", name: "ping", data: {} },
  ]);
  assert.deepEqual(await batch.json(), { batch: [{ subscription_count: 1 }, {}] });
});

test("a wrong signature, key, app or time is refused with 401 and nothing is published", async (t) => {
  const { ear } = await subscribe(await connected(t), "guarded");
  for (const [what, other] of [
    ["secret", server({ secret: "0".repeat(64) })],
    ["key", server({ key: "0123456789abcdef0123" })],
  ]) {
    assert.equal((await refused(other.trigger("guarded", "forged", {}))).status, 401, what);
    assert.equal((await refused(other.get({ path: "/channels" }))).status, 401, what);
  }
  assert.ok([401, 404].includes((await refused(server({ appId: "1" }).trigger("guarded", "forged", {}))).status), "another app");

  for (const late of [-700, 700]) {
    const { status } = await raw("POST", "/events", { name: "forged", channels: ["guarded"], data: "{}" }, { auth_timestamp: Math.floor(Date.now() / 1000) + late });
    assert.equal(status, 401, `${late} seconds off`);
  }
  const swapped = await raw("POST", "/events", { name: "forged", channels: ["guarded"], data: "{}" }, {}, { name: "other", channels: ["guarded"], data: "{}" });
  assert.equal(swapped.status, 401, "a body that was not signed");
  await ear.silent("forged");
});

/** A request signed by the SDK's own token, with parameters or a body that the SDK itself would not send. */
async function raw(method, path, body, params = {}, sent = body) {
  const whole = `/apps/${app.id}${path}`;
  const text = JSON.stringify(body);
  const query = Object.entries({ auth_key: app.key, auth_timestamp: Math.floor(Date.now() / 1000), auth_version: "1.0", body_md5: createHash("md5").update(text).digest("hex"), ...params })
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
  const signature = pusher.config.token.sign(`${method}\n${whole}\n${query}`);
  return fetch(new URL(`${whole}?${query}&auth_signature=${signature}`, app.url), { method, body: JSON.stringify(sent), headers: { "Content-Type": "application/json" } });
}

test("the same request by hand is taken, so that the refusals above are about what they say", async () => {
  assert.equal((await raw("POST", "/events", { name: "fine", channels: ["guarded"], data: "{}" })).status, 200);
});

test("what is malformed is refused with 400 and says why", async () => {
  for (const [what, body] of [
    ["no name", { channels: ["a"], data: "{}" }],
    ["no channel", { name: "x", data: "{}" }],
    ["no channels", { name: "x", channels: [], data: "{}" }],
    ["no data", { name: "x", channels: ["a"] }],
    ["a channel's name", { name: "x", channels: ["not allowed"], data: "{}" }],
    ["a long channel's name", { name: "x", channels: ["a".repeat(165)], data: "{}" }],
    ["101 channels", { name: "x", channels: Array.from({ length: 101 }, (_, n) => `c${n}`), data: "{}" }],
    ["a long event's name", { name: "x".repeat(201), channels: ["a"], data: "{}" }],
    ["a socket id", { name: "x", channels: ["a"], data: "{}", socket_id: "one" }],
    ["an event of the protocol's own", { name: "pusher:ping", channels: ["a"], data: "{}" }],
    ["a list", []],
  ]) {
    const error = await refused(pusher.post({ path: "/events", body }));
    assert.equal(error.status, 400, `${what}: ${error.status} ${error.body}`);
    assert.ok(error.body.length > 0, what);
  }
  const eleven = Array.from({ length: 11 }, (_, n) => ({ channel: `c${n}`, name: "x", data: "{}" }));
  assert.equal((await refused(pusher.triggerBatch(eleven))).status, 400, "eleven events");
  assert.equal((await refused(pusher.get({ path: "/channels/plain", params: { info: "user_count" } }))).status, 400, "users of a plain channel");
  assert.equal((await refused(pusher.get({ path: "/channels", params: { info: "user_count" } }))).status, 400, "users of plain channels");
  assert.equal((await refused(pusher.get({ path: "/channels/plain/users" }))).status, 400, "the members of a plain channel");
  assert.equal((await refused(pusher.get({ path: "/channels/plain", params: { info: "cache" } }))).status, 400, "the cache of a plain channel");
});

test("what is too large is refused with 413", async (t) => {
  const { ear } = await subscribe(await connected(t), "large");
  assert.equal((await refused(pusher.trigger("large", "big", "x".repeat(70_000)))).status, 413);
  await ear.silent("big");
});

test("a batch with one bad event publishes none of it", async (t) => {
  const { ear } = await subscribe(await connected(t), "whole");
  const batch = [
    { channel: "whole", name: "good", data: "{}" },
    { channel: "not allowed", name: "bad", data: "{}" },
  ];
  assert.equal((await refused(pusher.triggerBatch(batch))).status, 400);
  await ear.silent("good");
});

test("an unknown path is 404", async (t) => {
  assert.equal((await refused(pusher.get({ path: "/nothing" }))).status, 404);
  const one = await connected(t);
  await state(one, "connected");
});
