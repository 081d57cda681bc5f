// A retention rule as a sentence a privacy officer would say aloud.

import { durationInWords, isZero } from "./duration";

export interface RuleWords {
  target: "messages" | "connections" | "audit_events";
  duration: string;
  endpoint?: string | undefined;
  channelPattern?: string | undefined;
  dataType?: string | undefined;
  purpose?: string | undefined;
}

export function ruleSentence(rule: RuleWords): string {
  const what = { messages: "Messages", connections: "Connection records", audit_events: "Audit log entries that may be deleted" }[rule.target];
  const with_ = rule.dataType === undefined ? "" : ` that contain ${rule.dataType}`;
  const scope = [
    rule.purpose === undefined ? "" : ` sent for “${rule.purpose}”`,
    rule.endpoint === undefined ? "" : ` on ${rule.endpoint}`,
    channels(rule.channelPattern),
  ].join("");
  const subject = `${what}${with_}${scope}`;
  if (isZero(rule.duration)) {
    return rule.target === "messages" ? `${subject} are never recorded.` : `${subject} are deleted at once.`;
  }
  return `${subject} are deleted after ${durationInWords(rule.duration)}.`;
}

function channels(pattern: string | undefined): string {
  if (pattern === undefined || pattern === "" || pattern === "*") return "";
  return pattern.includes("*") ? ` in channels like ${pattern}` : ` in channel ${pattern}`;
}
