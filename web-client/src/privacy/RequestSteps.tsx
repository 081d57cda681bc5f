import type { RequestEvent } from "../api/types";
import { type Words, useWords } from "./words";
import { said } from "./words/codes";

/** What has happened, oldest first, each step by what it is, with the words that came with it. */
export function RequestSteps({ events }: { events: RequestEvent[] }) {
  const words = useWords();
  const times = new Intl.DateTimeFormat(words.locale, { dateStyle: "long", timeStyle: "short" });
  return (
    <ol className="timeline" role="list">
      {events.map((event, index) => {
        const name = nameOf(words, event);
        return (
          name && (
            <li key={index}>
              <span>{name}</span>
              {event.words && <span className="soft said">{event.words}</span>}
              <span className="faint">{times.format(new Date(event.at))}</span>
            </li>
          )
        );
      })}
    </ol>
  );
}

/** Nothing for what concerns only those who answer it: reminders, and notes of the machinery. */
function nameOf({ requests }: Words, { from, to, what }: RequestEvent): string | undefined {
  if (from !== to) return said(requests.states, to, to);
  return what && what !== "reminder" ? requests.meanwhile[what] : undefined;
}
