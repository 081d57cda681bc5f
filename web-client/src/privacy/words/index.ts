// The page's language: the visitor's first one that we have. To add one, write `de.ts` as `const de: Words = {…}` and list it here.

import { createContext, useContext } from "react";
import { en } from "./en";

export type Words = typeof en;

const LANGUAGES: Record<string, Words> = { en };

export function wordsFor(wanted: readonly string[]): Words {
  for (const tag of wanted) {
    const words = LANGUAGES[tag] ?? LANGUAGES[tag.split("-")[0] ?? ""];
    // The visitor's own variant decides how dates and numbers look.
    if (words) return { ...words, locale: tag };
  }
  return en;
}

export const WordsContext = createContext<Words>(en);

export function useWords(): Words {
  return useContext(WordsContext);
}
