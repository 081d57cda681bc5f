import { sentence } from "../../api/problem";
import type { RequestEvent } from "../../api/types";
import { fullTime } from "../../format/time";
import { actorFrom, useActorNames } from "../actors";
import { MEANWHILE_WORDS, requestState } from "./words";

export function RequestTimeline({ events }: { events: RequestEvent[] }) {
  const actorName = useActorNames();
  return (
    <ol className="timeline" role="list">
      {events.map((event, index) => (
        <li key={index}>
          <strong>{stepInWords(event)}</strong>
          {event.note && <span className="soft">{event.words ? capital(event.note) : sentence(event.note)}</span>}
          <span className="faint small">
            {fullTime(event.at)}, by {actorName(actorFrom(event.actor))}
          </span>
        </li>
      ))}
    </ol>
  );
}

/** A step by what it is: the state that it led to, or what happened while that stayed. */
export function stepInWords(event: RequestEvent): string {
  if (event.what) return MEANWHILE_WORDS[event.what];
  return event.from === event.to ? "Noted" : capital(requestState(event.to).words);
}

function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
