import { Switch } from "react-aria-components";
import type { PortalConsent } from "../api/types";
import { longDate } from "../format/time";
import { goesUnlessRefused, isOn } from "./consents";
import { type Words, useWords } from "./words";
import { said } from "./words/codes";

/** One thing that was agreed to, or not: a switch that works at once, its history, and the text that was shown. */
export function ConsentCard({ consent, busy, onChange }: { consent: PortalConsent; busy: boolean; onChange: (on: boolean) => void }) {
  const words = useWords();
  const { purpose, valid, state, since, history, notice, expires_at } = consent;
  const asked = state !== undefined;
  const on = isOn(consent);
  return (
    <li className="card padded stack tight">
      <div className="row between" style={{ flexWrap: "nowrap", alignItems: "flex-start" }}>
        <div>
          <h3 className="serif">{purpose.name}</h3>
          {purpose.description && <p className="soft">{purpose.description}</p>}
        </div>
        <Switch className="switch big" isSelected={on} isDisabled={busy} onChange={onChange} aria-label={words.consents.allow(purpose.name)}>
          <span className="track" />
        </Switch>
      </div>
      <p className="small faint">
        {standing(words, consent)}
        {asked && since && ` ${words.consents.since(longDate(since, words.locale))}`}
        {valid && expires_at && ` ${words.consents.until(longDate(expires_at, words.locale))}`}
      </p>
      {(history.length > 0 || notice) && (
        <div className="row">
          {history.length > 0 && (
            <details className="small">
              <summary>{words.consents.history}</summary>
              <ol className="timeline" role="list">
                {history.map((event) => (
                  <li key={event.id}>
                    <span>{said(words.consents.states, event.state, words.consents.states.unknown)}</span>
                    <span className="faint">{new Intl.DateTimeFormat(words.locale, { dateStyle: "long", timeStyle: "short" }).format(new Date(event.at))}</span>
                    <a href={event.receipt_url} download={`consent-receipt-${event.id}.jsonld`}>
                      {words.consents.receipt}
                    </a>
                  </li>
                ))}
              </ol>
            </details>
          )}
          {notice && (
            <details className="small">
              <summary>{words.consents.text}</summary>
              <pre className="payload notice-text" lang={notice.language}>
                {notice.text}
              </pre>
            </details>
          )}
        </div>
      )}
    </li>
  );
}

function standing({ consents }: Words, consent: PortalConsent): string {
  const asked = consent.state !== undefined;
  if (goesUnlessRefused(consent)) return !asked ? consents.unless.unsaid : isOn(consent) ? consents.unless.on : consents.unless.off;
  return !asked ? consents.never : consent.valid ? consents.on : consents.off;
}
