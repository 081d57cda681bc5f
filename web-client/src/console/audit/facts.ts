// The details of an audit event in a line. Hashes, times and ids are in the receipt and say nothing to a reader here.

import { durationInWords } from "../../format/duration";

const UNTOLD = /(^|_)(at|hash|id|ids|root)$/;
const MOST = 5;

export function factsInWords(facts: unknown): string {
  if (!isRecord(facts)) return "";
  return Object.entries(isRecord(facts["rule"]) ? { ...facts, ...facts["rule"], rule: undefined } : facts)
    .filter(([name]) => !UNTOLD.test(name))
    .flatMap(([name, value]) => {
      const words = valueInWords(name, value);
      return words === "" ? [] : [value === true ? words : `${label(name)}: ${words}`];
    })
    .slice(0, MOST)
    .join(", ");
}

function valueInWords(name: string, value: unknown): string {
  if (value === true) return label(name);
  if (value === null || value === undefined || value === false || value === "") return "";
  if (Array.isArray(value)) return value.every((part) => typeof part === "string") ? value.map(label).join(" and ") : "";
  if (typeof value === "string") return name === "duration" ? durationInWords(value) : shorten(value);
  return typeof value === "number" ? String(value) : "";
}

function label(name: string): string {
  return name.replaceAll("_", " ");
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
