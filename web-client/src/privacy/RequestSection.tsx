import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { getPortal, listPortalRequests, makePortalRequest } from "../api/portal";
import type { SubjectRequest } from "../api/types";
import { Button } from "../components/Button";
import { Loaded } from "../components/states";
import { toast } from "../components/toasts";
import { MakeRequest } from "./MakeRequest";
import { RequestCard, isOpen } from "./RequestCard";
import { Section } from "./Section";
import { useWords } from "./words";

const KINDS = ["access", "portability", "rectification", "restriction", "objection", "erasure"] as const;
// GDPR Art. 21(1): what rests on these can be objected to.
const OBJECTABLE = ["public_task", "legitimate_interests"];
const ICONS = { access: "download", erasure: "trash" } as const;

export function RequestSection({ slug }: { slug: string }) {
  const words = useWords();
  const cache = useQueryClient();
  const [asking, setAsking] = useState<SubjectRequest["kind"]>();
  const query = useQuery({
    queryKey: ["portal", slug, "mine", "requests"],
    queryFn: () => listPortalRequests(slug, {}),
    // Follows what is under way.
    refetchInterval: ({ state }) => (state.data?.items.some(isOpen) ? 3_000 : false),
  });
  const page = useQuery({ queryKey: ["portal", slug], queryFn: () => getPortal(slug) });
  const running = (kind: string) => query.data?.items.some((request) => request.kind === kind && isOpen(request)) ?? false;
  return (
    <Section id="requests" title={words.requests.title} lede={words.requests.lede}>
      <div className="asks">
        {KINDS.map((kind) => (
          <article key={kind} className="card padded stack tight">
            <h3 className="serif">{words.requests[kind].title}</h3>
            <p className="soft">{words.requests[kind].text}</p>
            <div>
              <Button kind={kind === "access" ? "primary" : "plain"} {...(kind in ICONS ? { icon: ICONS[kind as keyof typeof ICONS] } : {})} onPress={() => setAsking(kind)} isDisabled={running(kind)}>
                {words.requests[kind].button}
              </Button>
            </div>
          </article>
        ))}
      </div>
      <Loaded query={query} lines={3}>
        {({ items }) =>
          items.length === 0 ? (
            <p className="soft">{words.requests.none}</p>
          ) : (
            <ul role="list" className="stack">
              {items.map((request) => (
                <RequestCard key={request.id} slug={slug} request={request} />
              ))}
            </ul>
          )
        }
      </Loaded>
      <MakeRequest
        kind={asking}
        onClose={() => setAsking(undefined)}
        objectable={(page.data?.purposes ?? []).filter((purpose) => OBJECTABLE.includes(purpose.lawful_basis))}
        make={(kind, details) => makePortalRequest(slug, kind, details)}
        onMade={({ kind }) => {
          toast({ title: words.requests[kind].made });
          void cache.invalidateQueries({ queryKey: ["portal", slug] });
        }}
      />
    </Section>
  );
}
