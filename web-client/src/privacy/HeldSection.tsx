import type { Held, PortalMe } from "../api/types";
import { Badge } from "../components/Badge";
import { Countdown } from "../components/moments";
import { durationInWords } from "../format/duration";
import { longDate } from "../format/time";
import { Section } from "./Section";
import { useWords } from "./words";

export function HeldSection({ me }: { me: PortalMe }) {
  const words = useWords();
  const purposes = [...new Set(me.held.map(({ purpose }) => purpose))];
  return (
    <Section id="held" title={words.held.title} lede={words.held.lede}>
      {me.held.length === 0 ? (
        <p className="card padded soft">{words.held.none}</p>
      ) : (
        purposes.map((purpose) => (
          <article key={purpose ?? ""} className="card padded stack">
            <h3 className="serif">{purpose ?? words.held.noPurpose}</h3>
            {me.held
              .filter((held) => held.purpose === purpose)
              .map((held, index) => (
                <HeldLine key={index} held={held} />
              ))}
          </article>
        ))
      )}
      {me.connections > 0 && <p className="soft">{words.top.connections(me.connections)}</p>}
    </Section>
  );
}

function HeldLine({ held }: { held: Held }) {
  const words = useWords();
  return (
    <div className="held">
      <div className="stack" style={{ gap: "var(--s1)" }}>
        <p>
          <strong>{words.held.messages(held.messages)}</strong> <span className="soft">{words.held.on(held.endpoint)}</span>
        </p>
        {held.data_types.length > 0 && (
          <p className="row tight">
            <span className="faint small">{words.held.contains}</span>
            {held.data_types.map((name) => (
              <Badge key={name}>{name}</Badge>
            ))}
          </p>
        )}
        <p className="faint small">
          {words.held.between(longDate(held.oldest_at, words.locale), longDate(held.newest_at, words.locale))}. {words.held.kept(durationInWords(held.duration, words.locale))}.
        </p>
      </div>
      <div className="leaves">
        <span className="faint small">{words.held.next}</span>
        <strong>
          <Countdown to={held.next_expiry_at} />
        </strong>
        <span className="faint small">
          {words.held.last} {dayOrTime(held.last_expiry_at, words.locale)}
        </span>
      </div>
    </div>
  );
}

/** Within a day the time matters more than the date. */
function dayOrTime(at: string, locale: string): string {
  const near = new Date(at).getTime() - Date.now() < 24 * 3600 * 1000;
  return near ? new Intl.DateTimeFormat(locale, { timeStyle: "short" }).format(new Date(at)) : longDate(at, locale);
}
