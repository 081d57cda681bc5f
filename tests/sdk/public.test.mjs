// Public channels: publishing one by one, to many, in batches; leaving; counts. pusher-js and pusher (Node).

import assert from "node:assert/strict";
import { test } from "node:test";
import { Ear, connected, pusher, state, subscribe } from "./harness.mjs";

test("an event reaches everybody on its channel and nobody else", async (t) => {
  const [one, two] = [await connected(t), await connected(t)];
  const here = await subscribe(one, "news");
  const there = await subscribe(two, "news");
  const elsewhere = await subscribe(two, "sport");
  await pusher.trigger("news", "headline", { text: "hello" });
  assert.deepEqual(await here.ear.next("headline"), { text: "hello" });
  assert.deepEqual(await there.ear.next("headline"), { text: "hello" });
  await elsewhere.ear.silent("headline");
});

test("data arrives as it was given: objects, text, numbers in text, other scripts, quotes and control characters", async (t) => {
  const { ear } = await subscribe(await connected(t), "shapes");
  const shapes = [{ nested: { list: [1, null, true] } }, [], "plain text", 'quo"ted \\ back', "über 日本 🌊", "line\nbreak\ttab\u0001", { "key with \"": "\u2028" }];
  for (const shape of shapes) {
    await pusher.trigger("shapes", "shape", shape);
    assert.deepEqual(await ear.next("shape"), shape);
  }
});

test("events of one sender keep their order", async (t) => {
  const { ear } = await subscribe(await connected(t), "order");
  for (let n = 0; n < 100; n += 1) await pusher.trigger("order", "n", { n });
  const numbers = [];
  for (let n = 0; n < 100; n += 1) numbers.push((await ear.next("n")).n);
  assert.deepEqual(numbers, Array.from({ length: 100 }, (_, n) => n));
});

test("one call reaches many channels", async (t) => {
  const one = await connected(t);
  const names = Array.from({ length: 100 }, (_, n) => `many-${n}`);
  const ears = await Promise.all(names.map(async (name) => (await subscribe(one, name)).ear));
  await pusher.trigger(names, "all", { to: "all" });
  for (const ear of ears) assert.deepEqual(await ear.next("all"), { to: "all" });
});

test("a socket that is excluded does not hear its own event", async (t) => {
  const [one, two] = [await connected(t), await connected(t)];
  const mine = await subscribe(one, "chat");
  const theirs = await subscribe(two, "chat");
  await pusher.trigger("chat", "said", { text: "hi" }, { socket_id: one.connection.socket_id });
  assert.deepEqual(await theirs.ear.next("said"), { text: "hi" });
  await mine.ear.silent("said");
});

test("a batch is published in order, each event to its channel", async (t) => {
  const one = await connected(t);
  const a = await subscribe(one, "batch-a");
  const b = await subscribe(one, "batch-b");
  await pusher.triggerBatch([
    { channel: "batch-a", name: "first", data: { n: 1 } },
    { channel: "batch-b", name: "second", data: "two" },
    { channel: "batch-a", name: "third", data: { n: 3 } },
    { channel: "batch-a", name: "not-for-me", data: {}, socket_id: one.connection.socket_id },
  ]);
  await a.ear.next("third");
  assert.equal(await b.ear.next("second"), "two");
  const heard = a.ear.heard.filter(({ event }) => !event.startsWith("pusher:"));
  assert.deepEqual(heard.map(({ event, data }) => [event, data]), [
    ["first", { n: 1 }],
    ["third", { n: 3 }],
  ]);
  await a.ear.silent("not-for-me");
});

test("who left hears nothing more, leaving twice is no fault, and coming back works", async (t) => {
  const one = await connected(t);
  const { channel } = await subscribe(one, "room");
  one.unsubscribe("room");
  one.unsubscribe("room");
  one.unsubscribe("never-joined");
  one.send_event("pusher:unsubscribe", { channel: "room" });
  const left = new Ear(channel);
  const { ear } = await subscribe(one, "room-two");
  await pusher.trigger(["room", "room-two"], "ping", {});
  await ear.next("ping");
  await left.silent("ping");
  const again = await subscribe(one, "room");
  await pusher.trigger("room", "back", {});
  await again.ear.next("back");
  assert.equal(one.connection.state, "connected");
});

test("a subscription that is cancelled before it is answered ends, and one that is wanted again stands", async (t) => {
  const one = await connected(t);
  const channel = one.subscribe("hasty");
  const ear = new Ear(channel);
  one.unsubscribe("hasty");
  const marker = await subscribe(one, "marker");
  await pusher.trigger(["hasty", "marker"], "ping", {});
  await marker.ear.next("ping");
  await ear.silent("ping");
  assert.equal((await pusher.get({ path: "/channels/hasty" }).then((answer) => answer.json())).occupied, false);

  const wanted = one.subscribe("wavering");
  const hears = new Ear(wanted);
  one.unsubscribe("wavering");
  one.subscribe("wavering");
  await hears.next("pusher:subscription_succeeded");
  await pusher.trigger("wavering", "ping", {});
  await hears.next("ping");
});

test("subscribing twice delivers once", async (t) => {
  const one = await connected(t);
  const { ear } = await subscribe(one, "once");
  one.send_event("pusher:subscribe", { channel: "once", auth: "" });
  await pusher.trigger("once", "ping", {});
  await ear.next("ping");
  await ear.silent("ping");
});

test("channels that are counted tell how many are on them", async (t) => {
  const [one, two] = [await connected(t), await connected(t)];
  const { channel, ear } = await subscribe(one, "counted");
  await subscribe(two, "counted");
  const until = async (count) => {
    while ((await ear.next("pusher:subscription_count")).subscription_count !== count);
  };
  await until(2);
  assert.equal(channel.subscriptionCount, 2);
  two.unsubscribe("counted");
  await until(1);
  two.disconnect();
  await state(two, "disconnected");
});

test("a name that the protocol does not allow is refused and the connection stays", async (t) => {
  const one = await connected(t);
  for (const name of ["no spaces", "a".repeat(165), "#other", "über", ""]) {
    one.send_event("pusher:subscribe", { channel: name, auth: "" });
  }
  const { ear } = await subscribe(one, "a".repeat(164));
  await pusher.trigger("a".repeat(164), "ping", {});
  await ear.next("ping");
});
