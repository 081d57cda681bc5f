// Points in time, kept current while they are on screen.

import { useSyncExternalStore } from "react";
import { countdown, fullTime, relativeTime, urgency } from "../format/time";
import { usePhrases } from "./phrases";

export function Moment({ at }: { at: string | undefined }) {
  const { locale } = usePhrases();
  const now = useNow();
  if (at === undefined) return <span className="faint">–</span>;
  return (
    <time dateTime={at} title={fullTime(at)} className="nowrap">
      {relativeTime(at, now, locale)}
    </time>
  );
}

/** The time left, second by second. */
export function Countdown({ to }: { to: string }) {
  const { locale } = usePhrases();
  const now = useNow();
  return (
    <time dateTime={to} title={fullTime(to, locale)} className="num nowrap">
      {countdown(to, now, locale)}
    </time>
  );
}

export function DueDate({ at, open }: { at: string; open: boolean }) {
  const now = useNow();
  const level = open ? urgency(at, now) : "calm";
  return (
    <time dateTime={at} title={fullTime(at)} className={`due ${level} nowrap`}>
      {open && level === "overdue" ? `overdue, was due ${relativeTime(at, now)}` : relativeTime(at, now)}
    </time>
  );
}

/** The current time; one clock ticks for the whole page, and only while something shows it. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, now, now);
}

const now = () => tick;

let tick = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;
const watchers = new Set<() => void>();

function subscribe(watcher: () => void): () => void {
  watchers.add(watcher);
  if (timer === undefined) {
    tick = Date.now();
    timer = setInterval(() => {
      tick = Date.now();
      for (const each of watchers) each();
    }, 1000);
  }
  return () => {
    watchers.delete(watcher);
    if (watchers.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}
