// Which language the page speaks: the visitor's first one that we have, until they choose. The choice is kept in a cookie that
// says nothing but the language and is read by this page alone; it is set only by whoever chooses (so it needs no banner).

import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import { I18nProvider } from "react-aria-components";
import { setAcceptLanguage } from "../api/client";
import { type FieldProblem, type Problem } from "../api/problem";
import { type Phrases, PhrasesContext } from "../components/phrases";
import { LANGUAGES, type Language, type Words, WordsContext, isLanguage, speaks, useWords } from "./words";

const COOKIE = "weir_language";
const YEAR_IN_SECONDS = 31_536_000;

interface Speech {
  language: Language;
  words: Words;
}

/** What was chosen before, else what the browser asks for. */
export function wanted(cookies: string, languages: readonly string[]): { language: Language; locale: string } {
  const chosen = new RegExp(`(?:^|; )${COOKIE}=([a-z]+)`).exec(cookies)?.[1] ?? "";
  if (!isLanguage(chosen)) return speaks(languages);
  // A German from Vienna who reads Polish still writes dates the Polish way; who reads German, the Austrian one.
  const own = languages.find((tag) => tag.split("-")[0]?.toLowerCase() === chosen);
  return { language: chosen, locale: own ?? chosen };
}

export async function speech({ language, locale }: { language: Language; locale: string }): Promise<Speech> {
  const words = await LANGUAGES[language].load();
  return { language, words: words(locale) };
}

const Choice = createContext<{ language: Language; choose: (language: Language) => void } | undefined>(undefined);

/** Gives all words below it, and tells the server, so that mails and notices come in the same language. */
export function Speaking({ first, children }: { first: Speech; children: ReactNode }) {
  const [{ language, words }, setSpeech] = useState(first);
  const cache = useQueryClient();

  useEffect(() => {
    document.documentElement.lang = words.locale;
    setAcceptLanguage(words.locale);
  }, [words]);

  const choice = useMemo(
    () => ({
      language,
      choose: (next: Language) => {
        document.cookie = `${COOKIE}=${next}; Path=/privacy; Max-Age=${YEAR_IN_SECONDS}; SameSite=Lax`;
        void speech(wanted(document.cookie, navigator.languages)).then((next) => {
          setAcceptLanguage(next.words.locale);
          setSpeech(next);
          // The texts of notices come in the language that is asked for.
          void cache.invalidateQueries();
        });
      },
    }),
    [language, cache],
  );

  return (
    <Choice.Provider value={choice}>
      <I18nProvider locale={words.locale}>
        <WordsContext.Provider value={words}>
          <PhrasesContext.Provider value={phrasesOf(words)}>{children}</PhrasesContext.Provider>
        </WordsContext.Provider>
      </I18nProvider>
    </Choice.Provider>
  );
}

/** A plain list: every reader and every phone knows it, and it weighs nothing. Each language is named in itself. */
export function LanguageSwitch() {
  const choice = useContext(Choice);
  const words = useWords();
  if (!choice) return null;
  return (
    <select className="language" aria-label={words.language} value={choice.language} onChange={({ target }) => isLanguage(target.value) && choice.choose(target.value)}>
      {Object.entries(LANGUAGES).map(([tag, { name }]) => (
        <option key={tag} value={tag} lang={tag}>
          {name}
        </option>
      ))}
    </select>
  );
}

export function phrasesOf(words: Words): Phrases {
  return { ...words.phrases, locale: words.locale, problem: (problem) => inWords(words, problem), field: (entry) => fieldInWords(words, entry) };
}

/** The server explains itself in English, for those who build on it. Here the code decides, and the page's own words explain. */
function inWords({ problems }: Words, problem: Problem): { title: string; detail?: string | undefined } {
  // Made by this page, in its own words.
  if (problem.code === "said") return { title: problem.message, detail: problem.detail };
  if (problem.code === "unreachable" || problem.code === "rate_limited" || problem.code === "already_open" || problem.code === "gone") return problems[problem.code];
  if (problem.status === 0 && problem.code === "incomplete") return problems.invalid;
  if (problem.status === 401) return problems.unauthenticated;
  if (problem.status === 404) return problems.not_found;
  if (problem.status === 409 || problem.status === 503) return problems.busy;
  if (problem.status >= 400 && problem.status < 500) return problems.invalid;
  return problems.unexpected;
}

function fieldInWords({ fields }: Words, { code, field, detail }: FieldProblem): string {
  if (code === "said") return detail ?? fields.other;
  if (code === "required" || code === "missing") return fields.required;
  if (code === "too_long" || code === "not_objectable") return fields[code];
  return field.endsWith("/email") || field === "/details/corrections/0/value" ? fields.email : fields.other;
}
