import { useQueryClient } from "@tanstack/react-query";
import { scopeIncident } from "../../api/incidents";
import type { Incident } from "../../api/types";
import { useAction } from "../../components/action";

/** Has it counted (again) whom an incident touched; the page follows how far that has come. */
export function useCount({ id }: Pick<Incident, "id">): { run: () => Promise<void>; busy: boolean } {
  const cache = useQueryClient();
  return useAction(async () => {
    cache.setQueryData(["incident", id], await scopeIncident(id));
  });
}
