// The few words that shared components say by themselves. The console says them in English; the privacy page puts its own in.

import { createContext, useContext } from "react";
import { type FieldProblem, type Problem, sentence } from "../api/problem";

export interface Phrases {
  /** BCP 47, for numbers and times. */
  locale: string;
  cancel: string;
  close: string;
  choose: string;
  optional: string;
  loading: string;
  tryAgain: string;
  tryAgainIn: (seconds: number) => string;
  /** Names the call in the server's log. */
  requestId: string;
  copyRequestId: string;
  copied: string;
  notCopied: { title: string; detail: string };
  /** The region that short messages appear in. */
  messages: string;
  /** A problem as the visitor is told: what happened, and what to do. */
  problem: (problem: Problem) => { title: string; detail?: string | undefined };
  /** What is wrong with one field. */
  field: (entry: FieldProblem) => string;
}

export const ENGLISH: Phrases = {
  locale: "en",
  cancel: "Cancel",
  close: "Close",
  choose: "Choose…",
  optional: "(optional)",
  loading: "Loading",
  tryAgain: "Try again",
  tryAgainIn: (seconds) => `Try again in ${seconds} s.`,
  requestId: "Reference for support",
  copyRequestId: "Copy the reference",
  copied: "Copied",
  notCopied: { title: "The browser did not allow copying.", detail: "Select the text and copy it by hand." },
  messages: "Messages",
  problem: ({ message, detail }) => ({ title: message, detail: detail && detail !== message ? sentence(detail) : undefined }),
  field: ({ detail, code }) => sentence(detail ?? code),
};

export const PhrasesContext = createContext<Phrases>(ENGLISH);

export function usePhrases(): Phrases {
  return useContext(PhrasesContext);
}
