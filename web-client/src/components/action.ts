import { useState } from "react";
import { toast, toastProblem } from "./toasts";

/** Runs what a button does: busy while it runs, a toast when it fails, and one when it worked if `words` are given. */
export function useAction<A extends unknown[], T>(act: (...args: A) => Promise<T>, words?: string): { run: (...args: A) => Promise<void>; busy: boolean } {
  const [busy, setBusy] = useState(false);
  const run = async (...args: A) => {
    setBusy(true);
    try {
      await act(...args);
      if (words !== undefined) toast({ title: words });
    } catch (error) {
      toastProblem(error);
    } finally {
      setBusy(false);
    }
  };
  return { run, busy };
}
