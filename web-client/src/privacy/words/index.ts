// The languages of the page. Each is a file of its own, fetched only by whoever reads it. To add one: write `da.ts` as
// `const da = (locale: string): Words => ({…})` and give it a line here; the compiler tells what is missing.

import { createContext, useContext } from "react";
import { en, type Words } from "./en";

export type { Words };

export const LANGUAGES = {
  en: { name: "English", load: async () => en },
  de: { name: "Deutsch", load: async () => (await import("./de")).de },
  fr: { name: "Français", load: async () => (await import("./fr")).fr },
  es: { name: "Español", load: async () => (await import("./es")).es },
  nl: { name: "Nederlands", load: async () => (await import("./nl")).nl },
  pl: { name: "Polski", load: async () => (await import("./pl")).pl },
} as const satisfies Record<string, { name: string; load: () => Promise<(locale: string) => Words> }>;

export type Language = keyof typeof LANGUAGES;

export const isLanguage = (tag: string): tag is Language => Object.hasOwn(LANGUAGES, tag);

/** The visitor's first language that we have, and their own variant of it, which decides how dates and numbers look. */
export function speaks(wanted: readonly string[]): { language: Language; locale: string } {
  for (const locale of wanted) {
    const language = locale.split("-")[0]?.toLowerCase() ?? "";
    if (isLanguage(language)) return { language, locale };
  }
  return { language: "en", locale: "en" };
}

export const WordsContext = createContext<Words>(en("en"));

export function useWords(): Words {
  return useContext(WordsContext);
}
