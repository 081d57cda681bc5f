import type { ReactNode } from "react";

export function Section({ id, title, lede, aside, children }: { id: string; title: string; lede?: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <section className="stack" aria-labelledby={`${id}-title`} id={id}>
      <div className="row between section-head">
        <div>
          <h2 id={`${id}-title`} className="serif">
            {title}
          </h2>
          {lede && <p className="soft">{lede}</p>}
        </div>
        {aside}
      </div>
      {children}
    </section>
  );
}
