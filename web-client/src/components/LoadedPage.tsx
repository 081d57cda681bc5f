import type { ReactNode } from "react";
import { asProblem } from "../api/problem";
import { Page } from "./Page";
import { Failed, type Loadable, Skeleton } from "./states";

interface LoadedPageProps<T> {
  query: Loadable<T>;
  /** The list that it is in. */
  back: { to: string; label: string };
  children: (data: T) => ReactNode;
}

/** A page about one thing: loading, the thing, or a page that says why it is not there and leads back to the list. */
export function LoadedPage<T>({ query, back, children }: LoadedPageProps<T>) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (!query.error) return <Skeleton />;
  const gone = asProblem(query.error).status === 404;
  return (
    <Page title={gone ? "Not found" : "This page could not be loaded"} back={back}>
      <div className="card">
        <Failed error={query.error} retry={() => void query.refetch()} />
      </div>
    </Page>
  );
}
