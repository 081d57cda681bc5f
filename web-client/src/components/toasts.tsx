// Short messages in the corner. Page code calls `toast`; the region stands once per application.

import { UNSTABLE_Toast as Toast, UNSTABLE_ToastContent as ToastContent, UNSTABLE_ToastQueue as ToastQueue, UNSTABLE_ToastRegion as ToastRegion, Text } from "react-aria-components";
import { asProblem, sentence } from "../api/problem";
import { Button } from "./Button";

export interface ToastWords {
  title: string;
  detail?: string | undefined;
  tone?: "plain" | "bad";
  /** For example an undo; the toast goes away when it is used. */
  action?: { label: string; run: () => void };
}

const queue = new ToastQueue<ToastWords>({ maxVisibleToasts: 3 });

export function toast(words: ToastWords): void {
  // Errors and toasts with an action need reading time; the timer also pauses while one is hovered or focused.
  queue.add(words, { timeout: words.tone === "bad" ? 12_000 : words.action ? 9_000 : 5_000 });
}

export function toastProblem(error: unknown): void {
  const problem = asProblem(error);
  const first = problem.fields[0];
  const detail = problem.detail ?? first?.detail;
  toast({
    tone: "bad",
    title: problem.message,
    detail: [detail && detail !== problem.message ? sentence(detail) : "", problem.requestId ? `Request ${problem.requestId}` : ""].filter(Boolean).join(" "),
  });
}

export function Toasts() {
  return (
    <ToastRegion queue={queue} className="toasts" aria-label="Messages">
      {({ toast: entry }) => (
        <Toast toast={entry} className={entry.content.tone === "bad" ? "toast bad" : "toast"}>
          <ToastContent className="body">
            <Text slot="title">{entry.content.title}</Text>
            {entry.content.detail && (
              <Text slot="description" elementType="small">
                {entry.content.detail}
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
          <Button slot="close" size="small" icon="close" aria-label="Dismiss" />
        </Toast>
      )}
    </ToastRegion>
  );
}
