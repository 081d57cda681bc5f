// What is said of a change of the rules that waits.

import { isWaiting } from "../../api/rules";
import type { RetentionChange, Rule } from "../../api/types";
import { toast } from "../../components/toasts";
import { counted } from "../../format/number";
import { fullTime } from "../../format/time";

/** Says that a change waits, when it does. */
export function tellWait<T extends Rule | RetentionChange | undefined>(answer: T): T {
  if (isWaiting(answer)) {
    toast({
      title: answer.needs_approval ? "The change waits for a second member." : "The change waits.",
      detail: `It would destroy ${counted(answer.messages, "message")}, so it acts on ${fullTime(answer.effective_at)} at the earliest. Until then it can be called off.`,
    });
  }
  return answer;
}
