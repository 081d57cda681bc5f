import type { ReactNode } from "react";
import type { Portal } from "../api/types";
import { Logo } from "../components/Logo";
import { LanguageSwitch } from "./language";
import { Water } from "./Water";
import { useWords } from "./words";

export function Frame({ tenant, children }: { tenant?: Portal["tenant"]; children: ReactNode }) {
  const words = useWords();
  return (
    <div className="visit">
      <header className="visit-head">
        <Water />
        <div className="visit-bar">
          {tenant && <p className="visit-name">{tenant.name}</p>}
          <LanguageSwitch />
        </div>
      </header>
      <main className="visit-main">{children}</main>
      {tenant && (
        <footer className="visit-foot">
          <Logo size={22} />
          <p>{words.footer(tenant.name)}</p>
        </footer>
      )}
    </div>
  );
}
