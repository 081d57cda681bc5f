import { type ReactNode, useEffect } from "react";

export function DoorHead({ title, children }: { title: string; children?: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Weir`;
  }, [title]);
  return (
    <header>
      <h1>{title}</h1>
      {children && <p className="soft">{children}</p>}
    </header>
  );
}
