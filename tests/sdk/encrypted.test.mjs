// Encrypted channels: what the server carries and keeps, it cannot read.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Ear, MASTER_KEY, app, connected, eventually, pusher, rest, server, subscribe } from "./harness.mjs";

const CHANNEL = "private-encrypted-room";
const SECRET = "nobody between us reads this";

test("the client decrypts what the back end encrypted, and the server never sees it", async (t) => {
  const one = await connected(t);
  const frames = [];
  one.connection.bind("message", (message) => frames.push(JSON.stringify(message)));
  const { ear } = await subscribe(one, CHANNEL);
  await pusher.trigger(CHANNEL, "said", { text: SECRET });
  assert.deepEqual(await ear.next("said"), { text: SECRET });
  assert.ok(frames.some((frame) => frame.includes("ciphertext")), "it came encrypted");
  assert.ok(!frames.some((frame) => frame.includes(SECRET)), "and not in the clear");

  const kept = await eventually("the message in the journal", async () => {
    const { items } = await rest("GET", `/messages?endpoint_id=${app.endpoint}&channel=${CHANNEL}&unseal=true`);
    return items.length > 0 && JSON.stringify(items);
  });
  assert.ok(kept.includes("ciphertext"), "the journal keeps it encrypted");
  assert.ok(!kept.includes(SECRET), "the journal cannot show it");
});

test("a batch carries encrypted events beside plain ones", async (t) => {
  const one = await connected(t);
  const sealed = await subscribe(one, CHANNEL);
  const plain = await subscribe(one, "plain");
  await pusher.triggerBatch([
    { channel: CHANNEL, name: "said", data: { text: SECRET } },
    { channel: "plain", name: "said", data: { text: "for all" } },
  ]);
  assert.deepEqual(await sealed.ear.next("said"), { text: SECRET });
  assert.deepEqual(await plain.ear.next("said"), { text: "for all" });
});

test("a client with another key gets nothing to read", async (t) => {
  const stranger = server({ encryptionMasterKeyBase64: Buffer.alloc(32, 8).toString("base64") });
  assert.notEqual(MASTER_KEY, stranger.config.encryptionMasterKey.toString("base64"));
  const one = await connected(t, { channelAuthorization: { customHandler: ({ socketId, channelName }, done) => done(null, stranger.authorizeChannel(socketId, channelName)) } });
  const { ear } = await subscribe(one, CHANNEL);
  const other = await subscribe(await connected(t), CHANNEL);
  await pusher.trigger(CHANNEL, "said", { text: SECRET });
  await other.ear.next("said");
  await ear.silent("said");
});

test("there are no client events on an encrypted channel", async (t) => {
  const [one, two] = [await connected(t), await connected(t)];
  await subscribe(one, CHANNEL);
  await subscribe(two, CHANNEL);
  const frames = [];
  two.connection.bind("message", (message) => frames.push(message));
  one.send_event("client-said", { text: "in the clear" }, CHANNEL);
  const marker = new Ear(two.subscribe("marker"));
  await marker.next("pusher:subscription_succeeded");
  await pusher.trigger("marker", "ping", {});
  await marker.next("ping");
  assert.deepEqual(frames.filter(({ event }) => event === "client-said"), []);
});

test("one call cannot put the same ciphertext on several channels", async () => {
  const body = { name: "said", channels: [CHANNEL, "plain"], data: "{}" };
  const error = await pusher.post({ path: "/events", body }).catch((fault) => fault);
  assert.equal(error.status, 400);
});
