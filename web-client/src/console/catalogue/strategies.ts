import type { Minimise } from "../../api/types";
import type { Choice } from "../../components/choices";

export const STRATEGIES: (Choice & { id: Minimise["strategy"] })[] = [
  { id: "none", label: "Leave as it is" },
  { id: "remove", label: "Take it out", hint: "The field disappears." },
  { id: "null", label: "Empty it", hint: "The field stays, with null." },
  { id: "replace", label: "Replace it", hint: "With a text of your choice." },
  { id: "mask", label: "Mask it", hint: "Only the last characters stay readable." },
  { id: "truncate", label: "Shorten it", hint: "Only the first characters stay." },
  { id: "truncate_geo", label: "Blur the place", hint: "Coordinates keep only so many decimals." },
  { id: "truncate_time", label: "Blur the time", hint: "A point in time keeps only its minute, hour, day, month or year." },
  { id: "generalise", label: "Round it", hint: "A number becomes the range that it is in." },
  { id: "hash", label: "Hash it", hint: "The same value gives the same hash, within your tenant." },
];

export const UNITS: (Choice & { id: NonNullable<Minimise["to"]> })[] = (["year", "month", "day", "hour", "minute"] as const).map((id) => ({ id, label: id }));

/** What a strategy begins with where it needs something besides. */
export function begin(strategy: Minimise["strategy"]): Minimise {
  switch (strategy) {
    case "truncate_time":
      return { strategy, to: "day" };
    case "generalise":
      return { strategy, step: 10 };
    default:
      return { strategy };
  }
}

export function strategyInWords({ strategy, keep, step, to, with: text }: Minimise): string {
  switch (strategy) {
    case "none":
      return "left as it is";
    case "remove":
      return "taken out";
    case "null":
      return "emptied";
    case "replace":
      return `replaced${text ? ` with “${text}”` : ""}`;
    case "mask":
      return keep ? `masked but the last ${keep}` : "masked";
    case "truncate":
      return keep ? `shortened to ${keep}` : "shortened";
    case "truncate_geo":
      return `a place with ${keep ?? 1} decimals`;
    case "truncate_time":
      return `a time cut to the ${to ?? "day"}`;
    case "generalise":
      return step ? `rounded to ${step}` : "rounded";
    case "hash":
      return "hashed";
  }
}
