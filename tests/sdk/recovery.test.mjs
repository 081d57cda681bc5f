// What web-client/recovery puts on top of pusher-js: lost connections, expiry, acknowledgements, history, rewind, notices.
// Connections go through a line that can be cut while the server stays. WEIR_RECOVERY is the helper's built module.

import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import { app, client, connected, eventually, need, pause, pusher, rest, server, state } from "./harness.mjs";

const { NotConnected, PublishRefused, withRecovery } = await import(need("WEIR_RECOVERY"));

/** A TCP line to the server that can be cut in the middle, without a word to either side, and mended. */
async function newLine(t) {
  const ends = new Set();
  let isCut = false;
  const listener = net.createServer((near) => {
    if (isCut) return near.destroy();
    const far = net.connect(Number(app.url.port), app.url.hostname);
    for (const end of [near, far]) {
      ends.add(end);
      end.on("error", () => {});
      end.on("close", () => ends.delete(end) && [near, far].forEach((each) => each.destroy()));
    }
    near.pipe(far).pipe(near);
  });
  await new Promise((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const cut = () => {
    isCut = true;
    for (const end of ends) end.destroy();
  };
  t.after(() => {
    cut();
    listener.close();
  });
  return { port: listener.address().port, cut, mend: () => (isCut = false) };
}

/** A client with the helper, on a line of its own, and what it is told. */
async function recovering(t, { line, options = {}, ...rest } = {}) {
  const on = line ?? (await newLine(t));
  const one = client(t, { wsPort: on.port, ...rest });
  const recovery = withRecovery(one, options);
  t.after(() => recovery.close());
  const told = { recovered: [], gap: [], expired: [], notice: [], welcome: [], message: [] };
  for (const [name, events] of Object.entries(told)) recovery.on(name, (event) => events.push(event));
  await state(one, "connected");
  return { one, line: on, recovery, told };
}

/** Subscribes; what the channel's own listeners hear of `event`. */
async function listen({ one }, name, event = "n") {
  const channel = one.subscribe(name);
  const heard = [];
  channel.bind(event, ({ n }) => heard.push(n));
  await eventually(`the subscription to ${name}`, () => channel.subscribed);
  return heard;
}

async function say(channel, ...numbers) {
  for (const n of numbers) await pusher.trigger(channel, "n", { n });
}

const count = (from, to) => Array.from({ length: to - from + 1 }, (_, n) => from + n);

const rule = (body) => rest("POST", "/retention-rules", { name: "short", target: "messages", action: "delete", endpoint_id: app.endpoint, ...body });

test("a connection that is cut amid a stream comes back to every message, once and in order", async (t) => {
  const all = await recovering(t);
  const { line, told } = all;
  const heard = await listen(all, "stream");
  let sent = 0;
  let isOver = false;
  const speaking = (async () => {
    while (!isOver) await say("stream", ++sent);
  })();
  for (let cuts = 1; cuts <= 2; cuts++) {
    const before = heard.length;
    await eventually("messages before the cut", () => heard.length > before + 5);
    line.cut();
    const lost = sent;
    await eventually("messages that are missed", () => sent > lost + 5);
    line.mend();
    await eventually("the way back", () => told.recovered.length === cuts, 60_000);
    assert.ok(told.recovered[cuts - 1].missed > 0, "something was missed");
  }
  isOver = true;
  await speaking;
  await eventually("the last message", () => heard.at(-1) === sent);
  assert.deepEqual(heard, count(1, sent));
  assert.deepEqual(told.message.map(({ offset }) => offset), count(1, sent));
  assert.deepEqual(told.gap, []);
});

test("what another run has not heard comes to the one that goes on with its marks", async (t) => {
  const first = await recovering(t);
  const heard = await listen(first, "runs");
  await say("runs", 1, 2);
  await eventually("both", () => heard.length === 2);
  const marks = first.recovery.marks();
  first.one.disconnect();
  await say("runs", 3, 4);
  const second = await recovering(t, { options: { marks } });
  const rest = await listen(second, "runs");
  await eventually("what was missed", () => rest.length === 2);
  assert.deepEqual(rest, [3, 4]);
  assert.deepEqual(second.told.recovered, [{ channel: "runs", missed: 2 }]);
});

test("where messages expired meanwhile a gap is told, and what is left comes", async (t) => {
  await rule({ channel_pattern: "ticker", duration: "PT3S" });
  const all = await recovering(t, { options: { keep: 10 } });
  const { line, recovery, told } = all;
  const heard = await listen(all, "ticker");
  await say("ticker", 1);
  await eventually("the first", () => heard.length === 1);
  assert.deepEqual(recovery.kept("ticker").map(({ data }) => data), [{ n: 1 }]);
  const [{ expiresAt, offset }] = told.message;
  assert.ok(expiresAt > Date.now() - 3_000 && expiresAt <= Date.now() + 3_000, `${expiresAt}`);

  line.cut();
  await say("ticker", 2);
  await pause(3_200);
  assert.deepEqual(told.expired.map(({ channel, offset }) => ({ channel, offset })), [{ channel: "ticker", offset }]);
  assert.deepEqual(recovery.kept("ticker"), [], "the copy is gone");
  line.mend();
  await eventually("the gap", () => told.gap.length === 1, 60_000);
  assert.deepEqual(told.gap[0], { channel: "ticker", reason: "incomplete", missed: 0 });
  assert.deepEqual(told.recovered, []);

  // The gap is told once; from here on all is there again.
  line.cut();
  await eventually("the loss", () => all.one.connection.connection === null);
  line.mend();
  await eventually("the way back", () => told.recovered.length === 1, 60_000);
  assert.deepEqual(heard, [1]);
});

test("a publish is acknowledged with its place, and a refused one says why", async (t) => {
  const all = await recovering(t);
  const { recovery, line } = all;
  const other = await connected(t);
  const heard = await listen({ one: other }, "private-talk", "client-n");
  await listen(all, "private-talk", "client-n");
  const acks = [];
  for (const n of [1, 2]) acks.push(await recovery.publish("private-talk", "client-n", { n }));
  assert.deepEqual(acks.map(({ offset, recorded }) => ({ offset, recorded })), [1, 2].map((offset) => ({ offset, recorded: true })));
  assert.equal(typeof acks[0].epoch, "string");
  await eventually("both", () => heard.length === 2);
  assert.equal(recovery.marks()["private-talk"].offset, 2, "own messages are passed over");

  await listen(all, "open");
  await assert.rejects(recovery.publish("open", "client-n", {}), (error) => error instanceof PublishRefused && error.code === 1008);
  const many = await Promise.allSettled(count(1, 30).map((n) => recovery.publish("private-talk", "client-n", { n })));
  const refused = many.filter(({ status }) => status === "rejected").map(({ reason }) => reason);
  assert.ok(refused.length > 0 && refused.every((error) => error instanceof PublishRefused && error.code === 4301), String(refused[0]));

  line.cut();
  await eventually("the loss", () => all.one.connection.connection === null);
  await assert.rejects(recovery.publish("private-talk", "client-n", {}), NotConnected);
});

test("history and rewind give what is there", async (t) => {
  await say("past", ...count(1, 5));
  const all = await recovering(t);
  const { one, recovery, told } = all;
  const channel = recovery.rewind("past", 2);
  const heard = [];
  channel.bind("n", ({ n }) => heard.push(n));
  await eventually("the newest two", () => heard.length === 2);
  assert.deepEqual(heard, [4, 5]);

  const some = await recovery.history("past", { after: 1, limit: 3 });
  assert.deepEqual(some.messages.map(({ data, offset }) => [data.n, offset]), [[2, 2], [3, 3], [4, 4]]);
  assert.deepEqual([some.top, some.complete], [5, true]);
  assert.deepEqual((await recovery.history("past", { limit: 1 })).messages.map(({ data }) => data.n), [5]);
  await assert.rejects(recovery.history("elsewhere"), { name: "NotSubscribed" });
  assert.equal(one.connection.state, "connected");
  assert.deepEqual(told.gap, []);
});

test("a withdrawn consent is told before the silence, and a given one before what comes again", async (t) => {
  const purpose = await rest("POST", "/purposes", { slug: "letters", name: "Letters", lawful_basis: "consent", description: "to keep you informed" });
  const made = await rest("POST", "/endpoints", { slug: "letters", kind: "channel", purpose_id: purpose.id, on_withdrawal: "silence" });
  const consent = (what) => rest("POST", "/consents", { subject: "ada", purpose: "letters", state: what, method: "api" });
  await consent("given");
  const back = server({ appId: made.app_id, key: made.key, secret: made.secret });
  const all = await recovering(t, { key: made.key, userAuthentication: { customHandler: ({ socketId }, done) => done(null, back.authenticateUser(socketId, { id: "ada" })) } });
  const { one, told } = all;
  one.signin();
  await eventually("the sign-in", () => one.user.user_data?.id === "ada");
  const heard = await listen(all, "letters");
  const send = (n) => back.trigger("letters", "n", { n });
  await send(1);
  await eventually("the first", () => heard.length === 1);

  await consent("withdrawn");
  await eventually("the notice", () => told.notice.length === 1);
  assert.deepEqual(told.notice[0], { kind: "consent_withdrawn", purpose: "letters" });
  await send(2);
  await pause(300);
  assert.deepEqual(heard, [1], "nothing after the notice");
  await consent("given");
  await eventually("the notice", () => told.notice.length === 2);
  assert.deepEqual(told.notice[1], { kind: "consent_given", purpose: "letters" });
  await send(3);
  await eventually("what comes again", () => heard.includes(3));
  assert.deepEqual(heard, [1, 3]);
});

test("a Weir says that it is one", async (t) => {
  const { told } = await recovering(t);
  await eventually("the welcome", () => told.welcome.length === 1);
  assert.deepEqual(told.welcome[0].features, ["offsets", "acks", "notices", "expiry"]);
  assert.match(told.welcome[0].session, /^[0-9a-f-]{36}$/);
});
