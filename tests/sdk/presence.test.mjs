// Presence channels: pusher-js, authorized by pusher (Node).

import assert from "node:assert/strict";
import { test } from "node:test";
import { app, connected, eventually, pusher, rest, subscribe } from "./harness.mjs";

const ada = { id: "ada", user_info: { name: "Ada" } };
const bob = { id: "bob", user_info: { name: "Bob", tags: ["a", "b"] } };

test("everybody knows who is here, who comes and who goes", async (t) => {
  const hers = await subscribe(await connected(t, { as: ada }), "presence-room");
  assert.equal(hers.answer.count, 1);
  assert.deepEqual(hers.answer.me, { id: "ada", info: ada.user_info });

  const bobs = await connected(t, { as: bob });
  const his = await subscribe(bobs, "presence-room");
  assert.equal(his.answer.count, 2);
  assert.deepEqual(his.answer.members, { ada: ada.user_info, bob: bob.user_info });
  assert.deepEqual(his.answer.me, { id: "bob", info: bob.user_info });
  assert.deepEqual(await hers.ear.next("pusher:member_added"), { id: "bob", info: bob.user_info });
  assert.equal(hers.channel.members.count, 2);
  await his.ear.silent("pusher:member_added", 100);

  bobs.disconnect();
  assert.deepEqual(await hers.ear.next("pusher:member_removed"), { id: "bob", info: bob.user_info });
  assert.equal(hers.channel.members.count, 1);
});

test("a person with two sockets is one member, who goes with the last of them", async (t) => {
  const hers = await subscribe(await connected(t, { as: ada }), "presence-two");
  const [first, second] = [await connected(t, { as: bob }), await connected(t, { as: bob })];
  await subscribe(first, "presence-two");
  await hers.ear.next("pusher:member_added");
  const again = await subscribe(second, "presence-two");
  assert.equal(again.answer.count, 2);
  await hers.ear.silent("pusher:member_added");
  first.unsubscribe("presence-two");
  await hers.ear.silent("pusher:member_removed");
  second.unsubscribe("presence-two");
  assert.equal((await hers.ear.next("pusher:member_removed")).id, "bob");
});

test("a client event on a presence channel says who sent it", async (t) => {
  const hers = await subscribe(await connected(t, { as: ada }), "presence-said");
  const his = await subscribe(await connected(t, { as: bob }), "presence-said");
  const said = new Promise((resolve) => hers.channel.bind("client-said", (data, metadata) => resolve({ data, metadata })));
  his.channel.trigger("client-said", { text: "hi" });
  assert.deepEqual(await said, { data: { text: "hi" }, metadata: { user_id: "bob" } });
  await his.ear.silent("client-said", 100);
});

test("numbers are ids too", async (t) => {
  const options = { channelAuthorization: { customHandler: ({ socketId, channelName }, done) => done(null, pusher.authorizeChannel(socketId, channelName, { user_id: 10, user_info: { name: "Mr. Channels" } })) } };
  const { answer } = await subscribe(await connected(t, options), "presence-numbers");
  assert.deepEqual(answer.members, { 10: { name: "Mr. Channels" } });
  assert.equal(answer.count, 1);
});

test("who is signed in needs no other statement to be a member", async (t) => {
  const one = await connected(t, {
    as: ada,
    channelAuthorization: { customHandler: ({ socketId, channelName }, done) => done(null, pusher.authorizeChannel(socketId, channelName)) },
  });
  one.signin();
  const { answer } = await subscribe(one, "presence-signed-in");
  assert.deepEqual(answer.me, { id: "ada", info: ada.user_info });
});

test("a member without an id is refused", async (t) => {
  const one = await connected(t);
  const faults = [];
  one.connection.bind("message", (message) => message.event === "pusher:subscription_error" && faults.push(message.data));
  const socket = one.connection.socket_id;
  one.send_event("pusher:subscribe", { channel: "presence-nobody", ...pusher.authorizeChannel(socket, "presence-nobody", { user_info: {} }) });
  one.send_event("pusher:subscribe", { channel: "presence-nobody", auth: pusher.authorizeChannel(socket, "presence-nobody").auth });
  const { ear } = await subscribe(one, "marker");
  await pusher.trigger("marker", "ping", {});
  await ear.next("ping");
  assert.equal(faults.length, 2);
});

test("who is on which channel is listed over REST", async (t) => {
  const live = (what = "") => rest("GET", `/endpoints/${app.endpoint}/live-channels${what}`);
  const hers = await connected(t, { as: ada });
  await subscribe(hers, "presence-listed");
  await subscribe(hers, "listed");
  await subscribe(await connected(t, { as: ada }), "presence-listed");
  const his = await connected(t, { as: bob });
  await subscribe(his, "presence-listed");

  const { items } = await live("?prefix=presence-listed");
  assert.deepEqual(items, [{ name: "presence-listed", subscribers: 3, members: 2 }]);
  assert.deepEqual((await live("?prefix=listed")).items, [{ name: "listed", subscribers: 1 }]);
  assert.deepEqual((await live("/presence-listed/members")).items, [{ user_id: "ada" }, { user_id: "bob" }]);
  const first = await live("/presence-listed/members?limit=1");
  assert.deepEqual(first.items, [{ user_id: "ada" }]);
  assert.deepEqual(await live(`/presence-listed/members?limit=1&cursor=${first.next_cursor}`), { items: [{ user_id: "bob" }] });
  assert.deepEqual((await live("/listed/members")).items, [], "only presence channels have members");

  his.disconnect();
  await eventually("that he is gone", async () => (await live("/presence-listed/members")).items.length === 1);
});
