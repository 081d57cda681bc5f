import type Pusher from "pusher-js";
import { afterEach, beforeEach, describe, expect, expectTypeOf, test, vi } from "vitest";
import { Emitter } from "../src/emitter.js";
import { Expiry } from "../src/expiry.js";
import { Position } from "../src/position.js";
import type { PusherLike } from "../src/pusher.js";
import type { Expired } from "../src/words.js";

test("a pusher-js client is what is asked for", () => {
  expectTypeOf<Pusher>().toExtend<PusherLike>();
});

describe("a position", () => {
  const top = { offset: 5, epoch: "a", recoverable: true };

  test("does not go back when a cache channel repeats its last event", () => {
    const position = new Position();
    position.subscribed(top);
    position.heard({ offset: 3, epoch: "a" });
    expect(position.mark).toEqual({ offset: 5, epoch: "a" });
  });

  test("follows a new epoch wherever that counts from", () => {
    const position = new Position({ offset: 5, epoch: "a" });
    position.published({ offset: 7, epoch: "a" });
    position.heard({ offset: 6, epoch: "b" });
    expect(position.mark).toEqual({ offset: 6, epoch: "b" });
  });

  test("stands at the top after the last missed message, though the newest cannot be read", () => {
    const position = new Position({ offset: 1, epoch: "a" });
    position.subscribed({ ...top, missed: 2 });
    position.heard({ offset: 2, epoch: "a" });
    expect(position.mark?.offset).toBe(2);
    position.heard({ offset: 3, epoch: "a" });
    expect(position.mark?.offset).toBe(5);
  });

  test("of a new channel begins with its first message, own or not", () => {
    const own = new Position();
    own.subscribed({ recoverable: true });
    own.published({ offset: 1, epoch: "a" });
    expect(own.mark).toEqual({ offset: 1, epoch: "a" });
    const late = new Position();
    late.subscribed({ recoverable: true });
    late.published({ offset: 2, epoch: "a" });
    expect(late.mark, "the first was not heard").toBeUndefined();
  });

  test("says nothing where a channel has none", () => {
    const position = new Position({ offset: 5, epoch: "a" });
    position.subscribed({ recoverable: false });
    expect(position.mark).toBeUndefined();
  });
});

describe("expiry", () => {
  beforeEach(() => void vi.useFakeTimers({ now: 0 }));
  afterEach(() => void vi.useRealTimers());

  const what = (offset: number): Expired => ({ channel: "c", epoch: "e", offset });
  function listening(most = 100) {
    const told: number[] = [];
    return { told, expiry: new Expiry(most, ({ offset }) => told.push(offset)) };
  }

  test("tells in the order of time, each once", () => {
    const { told, expiry } = listening();
    for (const [offset, at] of [[1, 30], [2, 10], [3, 20], [2, 10]] as const) expiry.add(what(offset), at);
    vi.advanceTimersByTime(20);
    expect(told).toEqual([2, 3]);
    vi.advanceTimersByTime(10);
    expect(told).toEqual([2, 3, 1]);
  });

  test("waits longer than a timer can", () => {
    const { told, expiry } = listening();
    const month = 60 * 24 * 3_600_000;
    expiry.add(what(1), month);
    vi.advanceTimersByTime(month - 1);
    expect(told).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(told).toEqual([1]);
  });

  test("is bounded: beyond, the soonest is told early", () => {
    const { told, expiry } = listening(2);
    for (const offset of [3, 1, 2]) expiry.add(what(offset), offset * 1_000);
    expect(told).toEqual([1]);
  });

  test("of what is over already is told at once", () => {
    const { told, expiry } = listening();
    expiry.add(what(1), -5);
    vi.advanceTimersByTime(0);
    expect(told).toEqual([1]);
  });
});

test("a listener's fault reaches neither the others nor the sender", async () => {
  const faults: unknown[] = [];
  const onFault = (error: unknown) => void faults.push(error);
  const before = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.once("uncaughtException", onFault);
  const emitter = new Emitter<{ said: number }>();
  const heard: number[] = [];
  emitter.on("said", () => {
    throw new Error("mine");
  });
  const stop = emitter.on("said", (n) => heard.push(n));
  emitter.emit("said", 1);
  stop();
  await new Promise((resolve) => setTimeout(resolve, 5));
  for (const listener of before) process.on("uncaughtException", listener);
  expect(heard).toEqual([1]);
  expect(String(faults[0])).toContain("mine");
});
