import { type ReactNode, useEffect } from "react";
import { Link } from "react-router";
import { Icon } from "./Icon";

interface PageProps {
  title: ReactNode;
  /** For the browser's tab when the title is not plain text. */
  tab?: string;
  lede?: ReactNode;
  back?: { to: string; label: string };
  actions?: ReactNode;
  children: ReactNode;
}

export function Page({ title, tab, lede, back, actions, children }: PageProps) {
  const name = tab ?? (typeof title === "string" ? title : "Weir");
  useEffect(() => {
    document.title = `${name} · Weir`;
  }, [name]);
  return (
    <div className="page">
      <header className="page-head">
        <div className="words">
          {back && (
            <Link to={back.to} className="crumb">
              <Icon name="back" size={15} />
              {back.label}
            </Link>
          )}
          <h1>{title}</h1>
          {lede && <p className="lede">{lede}</p>}
        </div>
        {actions && <div className="row">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

export function Card({ title, aside, children, id }: { title?: ReactNode; aside?: ReactNode; children: ReactNode; id?: string }) {
  return (
    <section className="card padded stack" id={id}>
      {(title || aside) && (
        <div className="card-head">
          {title && <h2>{title}</h2>}
          {aside}
        </div>
      )}
      {children}
    </section>
  );
}
