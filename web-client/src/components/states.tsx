// What a page shows when it has nothing to show yet: loading, empty, or a problem.

import type { ReactNode } from "react";
import { asProblem } from "../api/problem";
import { Button } from "./Button";
import { Icon, type IconName } from "./Icon";
import { ProblemNote } from "./ProblemNote";
import { usePhrases } from "./phrases";

export function Skeleton({ lines = 5 }: { lines?: number }) {
  const phrases = usePhrases();
  return (
    <div className="skeleton-list" role="status" aria-label={phrases.loading}>
      {Array.from({ length: lines }, (_, index) => (
        <span key={index} className="skeleton" style={{ width: `${92 - ((index * 37) % 45)}%` }} />
      ))}
    </div>
  );
}

export function Empty({ icon, title, children, action }: { icon: IconName; title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="empty">
      <Icon name={icon} size={34} />
      <h2>{title}</h2>
      {children}
      {action}
    </div>
  );
}

export function Failed({ error, retry }: { error: unknown; retry?: () => void }) {
  const phrases = usePhrases();
  const problem = asProblem(error);
  return (
    <div className="stack" style={{ padding: "var(--s4)" }}>
      <ProblemNote problem={problem} />
      {/* What is not there is not there the next time either. */}
      {retry && problem.status !== 404 && (
        <div>
          <Button onPress={retry}>{phrases.tryAgain}</Button>
        </div>
      )}
    </div>
  );
}

export interface Loadable<T> {
  data: T | undefined;
  error: unknown;
  refetch: () => unknown;
}

/** Loading, failed, or the content. What was loaded before stays on screen when a refresh fails. */
export function Loaded<T>({ query, lines, children }: { query: Loadable<T>; lines?: number; children: (data: T) => ReactNode }) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.error) return <Failed error={query.error} retry={() => void query.refetch()} />;
  return <Skeleton lines={lines ?? 5} />;
}
