import { expect, test, vi } from "vitest";
import { Closed, HistoryRefused, NotAnswered, NotConnected, NotSubscribed, PublishRefused, type RecoveryEvents, withRecovery } from "../src/index.js";
import { FakePusher } from "./fake.js";

const TOP = { offset: 41, epoch: "e1", recoverable: true };

function start(options = {}) {
  const pusher = new FakePusher();
  const recovery = withRecovery(pusher, options);
  const told: unknown[][] = [];
  for (const name of ["recovered", "gap", "expired", "notice"] as (keyof RecoveryEvents)[]) recovery.on(name, (event) => told.push([name, event]));
  return { pusher, recovery, told };
}

/** On `news`, with message 41 the newest. */
function onNews(options = {}) {
  const all = start(options);
  all.pusher.subscribe("news");
  all.pusher.connect();
  all.pusher.joined("news", TOP);
  return all;
}

test("hello goes out before the subscriptions, on every connection", () => {
  const { pusher } = onNews();
  expect(pusher.sent.map(({ event }) => event)).toEqual(["weir:hello", "pusher:subscribe"]);
  expect(pusher.sent[0]?.data).toEqual({ v: 1, features: ["offsets", "acks", "notices", "expiry"], recover: {}, rewind: {} });
  pusher.lose();
  pusher.connect();
  expect(pusher.sent.map(({ event }) => event).slice(2)).toEqual(["weir:hello", "pusher:subscribe"]);
});

test("a client that is connected already says hello at once", () => {
  const pusher = new FakePusher();
  pusher.connect();
  withRecovery(pusher);
  expect(pusher.last("weir:hello")).toBeDefined();
});

test("who comes back asks after the last message heard and is told that all is there", () => {
  const { pusher, told } = onNews();
  pusher.says("news", 42);
  pusher.lose();
  pusher.connect();
  expect(pusher.last("weir:hello")?.data["recover"]).toEqual({ news: { offset: 42, epoch: "e1" } });
  pusher.joined("news", { offset: 44, epoch: "e1", recoverable: true, recovered: true, missed: 2 });
  expect(told).toEqual([["recovered", { channel: "news", missed: 2 }]]);
});

test("a connection that is lost amid missed messages asks for the rest of them", () => {
  const { pusher, recovery } = onNews();
  pusher.lose();
  pusher.connect();
  pusher.joined("news", { offset: 44, epoch: "e1", recoverable: true, recovered: true, missed: 3 });
  pusher.says("news", 42);
  pusher.lose();
  pusher.connect();
  expect(pusher.last("weir:hello")?.data["recover"]).toEqual({ news: { offset: 42, epoch: "e1" } });
  expect(recovery.marks()).toEqual({ news: { offset: 42, epoch: "e1" } });
});

test("a gap is told once: what could not be had is not asked for again", () => {
  const { pusher, told } = onNews();
  pusher.lose();
  pusher.connect();
  pusher.joined("news", { offset: 44, epoch: "e1", recoverable: true, recovered: false, missed: 1 });
  pusher.says("news", 43);
  expect(told).toEqual([["gap", { channel: "news", reason: "incomplete", missed: 1 }]]);
  pusher.lose();
  pusher.connect();
  expect(pusher.last("weir:hello")?.data["recover"]).toEqual({ news: { offset: 44, epoch: "e1" } });
});

test("who comes back to what cannot be recovered, or heard nothing before, is told so", () => {
  const { pusher, told } = start();
  for (const name of ["after", "empty", "plain"]) pusher.subscribe(name);
  pusher.connect();
  const answer = () => {
    pusher.joined("after", { recoverable: false });
    pusher.joined("empty", { recoverable: true });
    pusher.joined("plain");
  };
  answer();
  expect(told).toEqual([]);
  pusher.lose();
  pusher.connect();
  answer();
  expect(told.map(([, event]) => event)).toEqual([
    { channel: "after", reason: "not_recoverable", missed: 0 },
    { channel: "empty", reason: "unknown_position", missed: 0 },
    { channel: "plain", reason: "not_recoverable", missed: 0 },
  ]);
});

test("a channel that was left meanwhile is forgotten", () => {
  const { pusher, recovery } = onNews();
  pusher.lose();
  pusher.names.delete("news");
  pusher.connect();
  expect(pusher.last("weir:hello")?.data["recover"]).toEqual({});
  expect(recovery.marks()).toEqual({});
});

test("marks of an earlier run are asked after, also when their channel is subscribed late", () => {
  const { pusher, told } = start({ marks: { news: { offset: 7, epoch: "e1" } } });
  pusher.connect();
  expect(pusher.last("weir:hello")?.data["recover"]).toEqual({ news: { offset: 7, epoch: "e1" } });
  pusher.subscribe("news");
  pusher.joined("news", { offset: 7, epoch: "e1", recoverable: true, recovered: true, missed: 0 });
  expect(told).toEqual([["recovered", { channel: "news", missed: 0 }]]);
});

test("rewind asks first and subscribes then, and keeps what else was asked", () => {
  const { pusher, recovery, told } = onNews();
  pusher.lose();
  pusher.connect();
  expect(recovery.rewind("chat", 20)).toBe("chat");
  const [hello, subscribe] = pusher.sent.slice(-2);
  expect(hello?.data).toMatchObject({ rewind: { chat: 20 }, recover: { news: { offset: 41, epoch: "e1" } } });
  expect(subscribe?.data).toEqual({ channel: "chat" });
  pusher.joined("chat", { offset: 9, epoch: "c", recoverable: true, missed: 2 });
  expect(told).toEqual([]);
  expect(() => recovery.rewind("chat", 1)).toThrow(/subscribed already/);
});

test("a publish is answered, refused, lost or never sent", async () => {
  const { pusher, recovery } = onNews();
  const taken = recovery.publish("private-chat", "client-said", { a: 1 });
  const { id, ...sent } = pusher.sent.at(-1) ?? {};
  expect(sent).toEqual({ event: "client-said", channel: "private-chat", data: { a: 1 } });
  pusher.hear("weir:ack", { id, offset: 45, epoch: "k", recorded: true });
  await expect(taken).resolves.toEqual({ offset: 45, epoch: "k", recorded: true });

  const refused = recovery.publish("private-chat", "client-said", {});
  pusher.hear("weir:nack", { id: pusher.sent.at(-1)?.id, code: 4301, message: "too many" });
  await expect(refused).rejects.toThrow(new PublishRefused(4301, "too many"));
  await expect(refused).rejects.toMatchObject({ code: 4301 });

  const lost = recovery.publish("private-chat", "client-said", {});
  pusher.lose();
  await expect(lost).rejects.toThrow(new NotAnswered("connection_lost"));
  await expect(recovery.publish("private-chat", "client-said", {})).rejects.toThrow(NotConnected);
  await expect(recovery.publish("private-chat", "said", {})).rejects.toThrow(TypeError);
});

test("a publish without an answer ends in time", async () => {
  vi.useFakeTimers();
  const { recovery } = onNews({ timeout: 500 });
  const asked = expect(recovery.publish("private-chat", "client-said", {})).rejects.toMatchObject({ why: "timeout" });
  await vi.advanceTimersByTimeAsync(500);
  await asked;
  vi.useRealTimers();
});

test("own messages are passed over where nothing before them is missing", async () => {
  const { pusher, recovery } = onNews();
  const publish = async (offset: number) => {
    const done = recovery.publish("news", "client-said", {});
    pusher.hear("weir:ack", { id: pusher.sent.at(-1)?.id, offset, epoch: "e1", recorded: true });
    await done;
  };
  await publish(42);
  expect(recovery.marks()["news"]?.offset).toBe(42);
  await publish(44);
  expect(recovery.marks()["news"]?.offset).toBe(42);
  pusher.says("news", 43);
  expect(recovery.marks()["news"]?.offset).toBe(44);
});

test("a question for history that the server does not answer fails at once", async () => {
  const { pusher, recovery } = onNews();
  const asked = recovery.history("news");
  const { id } = pusher.last("weir:history")?.data ?? {};
  pusher.hear("pusher:error", { code: null, message: "about something else" });
  pusher.hear("pusher:error", { code: null, message: "history is not available now", id });
  await expect(asked).rejects.toThrow(new HistoryRefused("history is not available now"));
});

test("history comes as messages, of subscribed channels only", async () => {
  const { pusher, recovery } = onNews();
  await expect(recovery.history("other")).rejects.toThrow(NotSubscribed);
  const asked = recovery.history("news", { after: 40, limit: 5 });
  const { id } = pusher.last("weir:history")?.data ?? {};
  expect(pusher.last("weir:history")?.data).toEqual({ id, after: 40, limit: 5 });
  const messages = [
    { event: "said", data: '{"n":41}', user_id: "ada", offset: 41, expires_at: 9e12 },
    { event: "raw", data: "AQ==", offset: 42, encoding: "base64" },
  ];
  pusher.hear("weir:history", { id, messages, epoch: "e1", top: 44, complete: true }, { channel: "news" });
  await expect(asked).resolves.toEqual({
    messages: [
      { channel: "news", event: "said", data: { n: 41 }, userId: "ada", offset: 41, epoch: "e1", expiresAt: 9e12 },
      { channel: "news", event: "raw", data: "AQ==", offset: 42, epoch: "e1", encoding: "base64" },
    ],
    epoch: "e1",
    top: 44,
    complete: true,
  });
});

test("copies go when their time is over, and the newest few are kept", () => {
  vi.useFakeTimers({ now: 1_000 });
  const { pusher, recovery, told } = onNews({ keep: 2 });
  for (const offset of [42, 43, 44]) pusher.says("news", offset, { expires_at: 1_000 + offset });
  expect(recovery.kept("news").map(({ offset }) => offset)).toEqual([43, 44]);
  vi.advanceTimersByTime(43);
  expect(recovery.kept("news").map(({ offset }) => offset)).toEqual([44]);
  expect(told).toEqual([42, 43].map((offset) => ["expired", { channel: "news", offset, epoch: "e1" }]));
  vi.useRealTimers();
});

test("a notice is told, and an erased person's copies are gone", () => {
  const { pusher, recovery, told } = onNews({ keep: 2 });
  pusher.says("news", 42);
  pusher.hear("weir:notice", { kind: "consent_withdrawn", purpose: "newsletter" });
  expect(recovery.kept("news")).toHaveLength(1);
  pusher.hear("weir:notice", { kind: "subject_erased" });
  expect(recovery.kept("news")).toEqual([]);
  expect(told).toEqual([
    ["notice", { kind: "consent_withdrawn", purpose: "newsletter" }],
    ["notice", { kind: "subject_erased" }],
  ]);
});

test("hello asks after no more channels than a server takes; of the others a gap is told", () => {
  const marks = Object.fromEntries(Array.from({ length: 1_500 }, (_, n) => [`c${n}`, { offset: n, epoch: "e1" }]));
  const { pusher, told } = start({ marks });
  pusher.connect();
  const hello = pusher.last("weir:hello");
  const asked = Object.keys(hello?.data["recover"] as object);
  expect(asked.length).toBeGreaterThan(500);
  expect(asked.length).toBeLessThanOrEqual(1_000);
  expect(JSON.stringify(hello).length).toBeLessThan(40_000);
  pusher.joined("c1499", { offset: 1_499, epoch: "e1", recoverable: true });
  expect(told).toEqual([["gap", { channel: "c1499", reason: "unknown_position", missed: 0 }]]);
});

test("frames that are no JSON, or not for us, change nothing", () => {
  const { pusher, recovery, told } = onNews();
  for (const data of ["", "[]", "null", '{"event":1}', '{"event":"weir:ack"}', '{"event":"said"}', new ArrayBuffer(1)]) pusher.transport.emit("message", { data });
  expect(told).toEqual([]);
  expect(recovery.marks()).toEqual({ news: { offset: 41, epoch: "e1" } });
});

test("one client takes it once, and again after it was closed", async () => {
  const { pusher, recovery } = onNews();
  expect(() => withRecovery(pusher)).toThrow(/already/);
  const open = recovery.publish("news", "client-said", {});
  recovery.close();
  await expect(open).rejects.toThrow(Closed);
  await expect(recovery.publish("news", "client-said", {})).rejects.toThrow(Closed);
  expect(pusher.transport.isUnheard && pusher.manager.isUnheard).toBe(true);
  withRecovery(pusher).close();
});
