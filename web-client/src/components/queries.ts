import { QueryClient } from "@tanstack/react-query";
import { asProblem } from "../api/problem";

/** One cache per application. Only what may pass by itself (network, 5xx) is tried again. */
export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        retry: (failures, error) => {
          const { status } = asProblem(error);
          return failures < 2 && (status === 0 || status >= 500);
        },
      },
    },
  });
}
