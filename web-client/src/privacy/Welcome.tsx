import { useState } from "react";
import type { Portal } from "../api/types";
import { Notice } from "../components/Notice";
import { EnterCode } from "./EnterCode";
import { EnterEmail } from "./EnterEmail";
import { OpenLink } from "./OpenLink";
import { useWords } from "./words";

export type WelcomeNote = "ended" | "left" | undefined;

interface WelcomeProps {
  slug: string;
  portal: Portal;
  note: WelcomeNote;
  /** What came with a link from a mail. */
  token: string | undefined;
  onTokenDropped: () => void;
  onOpened: () => void;
}

export function Welcome({ slug, portal, note, token, onTokenDropped, onOpened }: WelcomeProps) {
  const words = useWords();
  const [email, setEmail] = useState("");
  const [sent, setSent] = useState(false);
  const { tenant, purposes } = portal;
  return (
    <div className="stack wide-gap">
      <header className="visit-title">
        <h1>{words.welcome.title(tenant.name)}</h1>
        <p className="lede">{words.welcome.lede}</p>
      </header>
      {note && <Notice>{words.welcome[note]}</Notice>}
      <section className="card padded visit-door">
        {token ? (
          <OpenLink slug={slug} token={token} onOpened={onOpened} onBack={onTokenDropped} />
        ) : sent ? (
          <EnterCode slug={slug} email={email} onOpened={onOpened} onBack={() => setSent(false)} />
        ) : (
          <EnterEmail slug={slug} email={email} onChange={setEmail} onSent={() => setSent(true)} />
        )}
      </section>
      {!sent && (
        <ul className="can" role="list">
          {Object.values(words.welcome.can).map(({ title, text }) => (
            <li key={title}>
              <h2>{title}</h2>
              <p className="soft">{text}</p>
            </li>
          ))}
        </ul>
      )}
      {!sent && purposes.length > 0 && (
        <section className="stack tight">
          <h2>{words.welcome.purposesTitle}</h2>
          <dl className="uses">
            {purposes.map((purpose) => (
              <div key={purpose.name}>
                <dt>{purpose.name}</dt>
                {purpose.description && <dd className="soft">{purpose.description}</dd>}
                <dd className="faint small">{words.basis[purpose.lawful_basis]}</dd>
              </div>
            ))}
          </dl>
        </section>
      )}
      {tenant.contact_email && (
        <p className="soft">
          {words.welcome.contact(tenant.name)} <a href={`mailto:${tenant.contact_email}`}>{tenant.contact_email}</a>
        </p>
      )}
    </div>
  );
}
