// Who is signed in, and what they may do. The session itself is an HttpOnly cookie; no script ever sees it.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect } from "react";
import { getMe, signOut } from "../api/account";
import { on401 } from "../api/client";
import type { Me } from "../api/types";

export const ME = ["me"] as const;

/** Asks who is signed in, and asks again when any other call found the session gone. */
export function useMeQuery() {
  const query = useQuery({ queryKey: ME, queryFn: getMe, staleTime: 30_000 });
  const { data, error, refetch } = query;
  useEffect(() => {
    // Its own 401 is the answer already.
    if (!data || error) return;
    return on401(() => void refetch({ cancelRefetch: false }));
  }, [data, error, refetch]);
  return query;
}

export const SessionContext = createContext<Me | undefined>(undefined);

/** The signed-in member; only below the shell. */
export function useMe(): Me {
  const me = useContext(SessionContext);
  if (!me) throw new Error("useMe stands outside the shell");
  return me;
}

/** `may("rules:write")`: whether to show what needs that permission. The server decides in the end. */
export function useMay(): (permission: string) => boolean {
  const { permissions } = useMe();
  return (permission) => permissions.includes(permission);
}

/** Ends the session and forgets everything that was loaded with it. */
export function useSignOut(): () => Promise<void> {
  const cache = useQueryClient();
  return async () => {
    await signOut();
    cache.clear();
    window.location.assign("/console/sign-in");
  };
}
