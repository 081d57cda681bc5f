/** Reads frames before pusher-js drops what it does not know. */

import type { Ack, History, Message, Notice, Welcome } from "./words.js";

/** What the answer to a subscription says of the channel's past. */
export interface Standing {
  offset?: number;
  epoch?: string;
  recoverable: boolean;
  recovered?: boolean;
  missed?: number;
}

export type Frame =
  | { kind: "welcome"; welcome: Welcome }
  | { kind: "subscribed"; channel: string; standing?: Standing }
  | { kind: "message"; message: Message }
  | { kind: "ack"; id: string; ack: Ack }
  | { kind: "nack"; id: string; code: number; message: string }
  | { kind: "history"; id: string; history: History }
  | { kind: "no_history"; id: string; message: string }
  | { kind: "notice"; notice: Notice };

type Json = Record<string, unknown>;

/** What a frame says, where it concerns us. */
export function readFrame(text: unknown): Frame | undefined {
  const frame = object(parse(text));
  const event = frame?.["event"];
  if (!frame || typeof event !== "string") return undefined;
  const channel = typeof frame["channel"] === "string" ? frame["channel"] : undefined;
  const data = object(parse(frame["data"])) ?? {};
  switch (event) {
    case "weir:welcome":
      return { kind: "welcome", welcome: data as unknown as Welcome };
    case "weir:ack": {
      const { id, ...ack } = data as unknown as Ack & { id: string };
      return { kind: "ack", id, ack };
    }
    case "weir:nack":
      return { kind: "nack", id: String(data["id"]), code: Number(data["code"]), message: String(data["message"]) };
    case "pusher:error":
      // With an id it is about a question; without one it is for pusher-js.
      return typeof data["id"] === "string" ? { kind: "no_history", id: data["id"], message: String(data["message"]) } : undefined;
    case "weir:notice":
      return { kind: "notice", notice: data as unknown as Notice };
    case "weir:history":
      return channel === undefined ? undefined : { kind: "history", id: String(data["id"]), history: readHistory(channel, data) };
    case "pusher_internal:subscription_succeeded": {
      const standing = object(data["weir"]) as Standing | undefined;
      return channel === undefined ? undefined : { kind: "subscribed", channel, ...(standing && { standing }) };
    }
  }
  if (channel === undefined || /^(pusher|pusher_internal|weir):/.test(event)) return undefined;
  return { kind: "message", message: readMessage(channel, frame, undefined) };
}

function readHistory(channel: string, data: Json): History {
  const epoch = data["epoch"] as string | undefined;
  const messages = (data["messages"] as Json[]).map((message) => readMessage(channel, message, epoch));
  return {
    messages,
    complete: data["complete"] === true,
    ...(epoch !== undefined && { epoch }),
    ...(typeof data["top"] === "number" && { top: data["top"] }),
  };
}

function readMessage(channel: string, message: Json, ofAll: string | undefined): Message {
  const { event, data, user_id: userId, offset, epoch = ofAll, expires_at: expiresAt, encoding } = message;
  return {
    channel,
    event: String(event),
    data: encoding === "base64" ? data : (parse(data) ?? data),
    ...(typeof userId === "string" && { userId }),
    ...(typeof offset === "number" && { offset }),
    ...(typeof epoch === "string" && { epoch }),
    ...(typeof expiresAt === "number" && { expiresAt }),
    ...(encoding === "base64" && { encoding }),
  };
}

/** JSON in a text; what is no text stays as it is. Nothing where it is no JSON. */
function parse(text: unknown): unknown {
  if (typeof text !== "string") return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function object(value: unknown): Json | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}
