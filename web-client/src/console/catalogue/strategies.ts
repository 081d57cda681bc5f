import type { Minimise } from "../../api/types";
import type { Choice } from "../../components/choices";

export const STRATEGIES: (Choice & { id: Minimise["strategy"] })[] = [
  { id: "none", label: "Leave as it is" },
  { id: "remove", label: "Take it out", hint: "The field disappears." },
  { id: "null", label: "Empty it", hint: "The field stays, with null." },
  { id: "replace", label: "Replace it", hint: "With a text of your choice." },
  { id: "mask", label: "Mask it", hint: "Only the last characters stay readable." },
  { id: "truncate", label: "Shorten it", hint: "Only the first characters stay." },
  { id: "hash", label: "Hash it", hint: "The same value gives the same hash, within your tenant." },
];

export function strategyInWords({ strategy, keep, with: text }: Minimise): string {
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
    case "hash":
      return "hashed";
  }
}
