// Short messages in the corner. Page code calls `toast`; the region stands once per application.

import { UNSTABLE_Toast as Toast, UNSTABLE_ToastContent as ToastContent, UNSTABLE_ToastQueue as ToastQueue, UNSTABLE_ToastRegion as ToastRegion, Text } from "react-aria-components";
import { type Problem, asProblem } from "../api/problem";
import { Button } from "./Button";
import { type Phrases, usePhrases } from "./phrases";

export interface ToastWords {
  title: string;
  detail?: string | undefined;
  tone?: "plain" | "bad";
  /** For example an undo; the toast goes away when it is used. */
  action?: { label: string; run: () => void };
}

/** A problem is put into words where it is shown, in the language that is spoken there. */
type Entry = ToastWords | { tone: "bad"; problem: Problem; action?: undefined };

const queue = new ToastQueue<Entry>({ maxVisibleToasts: 3 });

export function toast(words: ToastWords): void {
  // Errors and toasts with an action need reading time; the timer also pauses while one is hovered or focused.
  queue.add(words, { timeout: words.tone === "bad" ? 12_000 : words.action ? 9_000 : 5_000 });
}

export function toastProblem(error: unknown): void {
  queue.add({ tone: "bad", problem: asProblem(error) }, { timeout: 12_000 });
}

function inWords(entry: Entry, phrases: Phrases): { title: string; detail?: string | undefined } {
  if (!("problem" in entry)) return entry;
  const { problem } = entry;
  const { title, detail } = phrases.problem(problem);
  const first = problem.fields[0];
  const more = detail ?? (first && phrases.field(first));
  return { title, detail: [more, problem.requestId ? `${phrases.requestId} ${problem.requestId}` : ""].filter(Boolean).join(" ") };
}

export function Toasts() {
  const phrases = usePhrases();
  return (
    <ToastRegion queue={queue} className="toasts" aria-label={phrases.messages}>
      {({ toast: entry }) => {
        const { title, detail } = inWords(entry.content, phrases);
        return (
        <Toast toast={entry} className={entry.content.tone === "bad" ? "toast bad" : "toast"}>
          <ToastContent className="body">
            <Text slot="title">{title}</Text>
            {detail && (
              <Text slot="description" elementType="small">
                {detail}
              </Text>
            )}
          </ToastContent>
          {entry.content.action && (
            <Button
              size="small"
              className="act"
              onPress={() => {
                entry.content.action?.run();
                queue.close(entry.key);
              }}
            >
              {entry.content.action.label}
            </Button>
          )}
          <Button slot="close" size="small" icon="close" aria-label={phrases.close} />
        </Toast>
        );
      }}
    </ToastRegion>
  );
}
