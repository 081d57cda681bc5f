import { useEffect, useState } from "react";
import { useSearchParams } from "react-router";

/** The token of a mailed link, taken out of the address bar at once so that it does not stay in the history or travel further. */
export function useMailedToken(): string {
  const [search, setSearch] = useSearchParams();
  const [token] = useState(() => search.get("token") ?? "");
  useEffect(() => {
    if (search.has("token")) setSearch({}, { replace: true });
  }, [search, setSearch]);
  return token;
}
