// Cache channels: who comes late gets the last event first.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, pusher, subscribe } from "./harness.mjs";

for (const channel of ["cache-price", "private-cache-price", "presence-cache-price", "private-encrypted-cache-price"]) {
  test(`${channel}: a miss when nothing was said, then the newest event first`, async (t) => {
    const first = await subscribe(await connected(t, { as: { id: "ada" } }), channel);
    await first.ear.next("pusher:cache_miss");
    await pusher.trigger(channel, "price", { euros: 1 });
    await pusher.trigger(channel, "price", { euros: 2 });
    assert.deepEqual(await first.ear.next("price"), { euros: 1 });
    assert.deepEqual(await first.ear.next("price"), { euros: 2 });

    const late = await subscribe(await connected(t, { as: { id: "bob" } }), channel);
    assert.deepEqual(await late.ear.next("price"), { euros: 2 });
    await late.ear.silent("price");
    assert.deepEqual(late.ear.all("pusher:cache_miss"), []);
  });
}

test("client events are not what a cache channel keeps", async (t) => {
  const channel = "private-cache-typing";
  const [one, two] = [await connected(t), await connected(t)];
  const mine = await subscribe(one, channel);
  const theirs = await subscribe(two, channel);
  mine.channel.trigger("client-typing", {});
  await theirs.ear.next("client-typing");
  const late = await subscribe(await connected(t), channel);
  await late.ear.next("pusher:cache_miss");
  assert.deepEqual(late.ear.all("client-typing"), []);
});

test("other channels keep nothing", async (t) => {
  await subscribe(await connected(t), "price");
  await pusher.trigger("price", "price", { euros: 1 });
  const late = await subscribe(await connected(t), "price");
  await late.ear.silent("price");
  assert.deepEqual(late.ear.all("pusher:cache_miss"), []);
});
