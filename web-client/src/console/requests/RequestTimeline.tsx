import { sentence } from "../../api/problem";
import type { RequestEvent } from "../../api/types";
import { fullTime } from "../../format/time";
import { actorFrom, useActorNames } from "../actors";
import { requestState } from "./words";

export function RequestTimeline({ events }: { events: RequestEvent[] }) {
  const actorName = useActorNames();
  return (
    <ol className="timeline" role="list">
      {events.map((event, index) => (
        <li key={index}>
          <strong>{capital(requestState(event.to).words)}</strong>
          {event.note && <span className="soft">{sentence(event.note)}</span>}
          <span className="faint small">
            {fullTime(event.at)}, by {actorName(actorFrom(event.actor))}
          </span>
        </li>
      ))}
    </ol>
  );
}

function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
