import type { ReactNode } from "react";
import { Icon, type IconName } from "./Icon";

const ICONS: Record<string, IconName> = { info: "info", good: "check", warn: "warning", bad: "warning" };

export function Notice({ tone = "info", children }: { tone?: "info" | "good" | "warn" | "bad"; children: ReactNode }) {
  return (
    <div className={tone === "info" ? "notice" : `notice ${tone}`} role={tone === "bad" ? "alert" : undefined}>
      <Icon name={ICONS[tone] ?? "info"} />
      <div className="body">{children}</div>
    </div>
  );
}
