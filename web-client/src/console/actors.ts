// Who did something, in words. The API names actors by kind and id; names come from the lists the reader may see.

import { useQuery } from "@tanstack/react-query";
import { listApiKeys, listMembers } from "../api/tenant";
import { shortId } from "./names";
import { useMay } from "./session";

export interface Actor {
  kind: string;
  id?: string | undefined;
}

/** `member:0192…` as rule versions and request events write it; `system` has no id. */
export function actorFrom(text: string): Actor {
  const at = text.indexOf(":");
  return at < 0 ? { kind: text } : { kind: text.slice(0, at), id: text.slice(at + 1) };
}

export function useActorNames(): (actor: Actor) => string {
  const may = useMay();
  const members = useQuery({ queryKey: ["members", "names"], queryFn: () => listMembers({ limit: 200 }), enabled: may("members:read"), staleTime: 60_000 }).data?.items;
  const keys = useQuery({ queryKey: ["api-keys", "names"], queryFn: () => listApiKeys({ limit: 200 }), enabled: may("keys:write"), staleTime: 60_000 }).data?.items;
  return ({ kind, id }) => {
    switch (kind) {
      case "member":
        return members?.find((member) => member.id === id)?.name ?? `a member (${shortId(id)})`;
      case "api_key":
        return `key “${keys?.find((key) => key.id === id)?.name ?? shortId(id)}”`;
      case "subject":
        return "the person";
      case "system":
        return "Weir";
      default:
        return kind.replaceAll("_", " ");
    }
  };
}
