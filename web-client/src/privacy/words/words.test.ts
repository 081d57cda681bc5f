import { describe, expect, it } from "vitest";
import { LANGUAGES, type Language, type Words, speaks } from "./index";
import { numbers } from "./plural";

/** Every word of a catalogue by its path; functions are called with what a visitor might see. */
function flat(value: unknown, path = ""): [string, string][] {
  if (typeof value === "string") return [[path, value]];
  if (typeof value === "function") return [0, 1, 3, 5, 22].map((amount) => [`${path}(${amount})`, String((value as (...args: unknown[]) => unknown)(amount, "x"))]);
  if (typeof value === "object" && value !== null) return Object.entries(value).flatMap(([key, inner]) => flat(inner, path === "" ? key : `${path}.${key}`));
  throw new Error(`${path} is ${typeof value}`);
}

const TAGS = Object.keys(LANGUAGES) as Language[];
const load = async (tag: Language): Promise<Words> => (await LANGUAGES[tag].load())(tag);

// Words that are spelled the same in two languages.
const SAME = new Set(["Messages", "Message", "Code", "Link"]);

describe.each(TAGS)("the words in %s", (tag) => {
  it("are all there, whole, and not English by accident", async () => {
    const words = flat(await load(tag));
    const english = new Map(flat(await load("en")));
    expect(words.map(([path]) => path)).toEqual([...english.keys()]);
    for (const [path, text] of words) {
      expect(text.trim(), path).not.toBe("");
      expect(text, path).not.toMatch(/undefined|null|NaN|\[object|\$\{/);
      // Numbers of a function's answer, "x" and the like, may well be all there is to say.
      if (tag !== "en" && path !== "locale" && /[a-z]{4}/i.test(text) && !SAME.has(text)) {
        const theirs = english.get(path);
        const borrowed = theirs === text && !/^\d+ (messages?|consent)/.test(text);
        expect(borrowed, `${path} is English: ${text}`).toBe(false);
      }
    }
  });

  it("end their sentences as the English ones do", async () => {
    const english = new Map(flat(await load("en")));
    for (const [path, text] of flat(await load(tag))) {
      const ends = (said: string) => /[.?!:]$/.test(said.trim());
      // A form of address to what follows ("You are here as …") may need a colon elsewhere.
      if (path !== "top.signedInAs" && path !== "locale") expect(ends(text), `${path}: ${text}`).toBe(ends(english.get(path) ?? ""));
    }
  });
});

describe("counted things", () => {
  it("have the Polish forms", async () => {
    const { requests, phrases } = await load("pl");
    const keys = [1, 2, 4, 5, 11, 12, 14, 21, 22, 25, 101, 104, 112].map((amount) => requests.parts.keys(amount));
    expect(keys).toEqual(["1 klucz", "2 klucze", "4 klucze", "5 kluczy", "11 kluczy", "12 kluczy", "14 kluczy", "21 kluczy", "22 klucze", "25 kluczy", "101 kluczy", "104 klucze", "112 kluczy"]);
    expect(phrases.tryAgainIn(1)).toContain("1 sekundę");
    expect(phrases.tryAgainIn(3)).toContain("3 sekundy");
  });
  it("are singular for nothing in French, and plural elsewhere", async () => {
    expect((await load("fr")).held.messages(0)).toBe("0 message");
    expect((await load("es")).held.messages(0)).toBe("0 mensajes");
    expect((await load("de")).held.messages(1)).toBe("1 Nachricht");
  });
  it("are written as the visitor's country writes numbers", async () => {
    expect((await LANGUAGES.de.load())("de-CH").held.messages(12345)).toMatch(/^12['’]345 Nachrichten$/);
    expect((await load("nl")).held.messages(12345)).toBe("12.345 berichten");
  });
  it("fall back where a language has a form for millions only", () => {
    expect(numbers<"one" | "other">("es")(1_000_000, { one: "mensaje", other: "mensajes" })).toBe("1.000.000 mensajes");
  });
});

describe("the language", () => {
  it("is the visitor's first one that is there", () => {
    expect(speaks(["sv-SE", "de-AT", "en"])).toEqual({ language: "de", locale: "de-AT" });
    expect(speaks(["PL"])).toEqual({ language: "pl", locale: "PL" });
    expect(speaks(["toString", "constructor-x"])).toEqual({ language: "en", locale: "en" });
    expect(speaks([])).toEqual({ language: "en", locale: "en" });
  });
});
