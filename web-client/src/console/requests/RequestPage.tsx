import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "react-router";
import { getRequest } from "../../api/requests";
import type { SubjectRequest } from "../../api/types";
import { Badge } from "../../components/Badge";
import { LoadedPage } from "../../components/LoadedPage";
import { DueDate } from "../../components/moments";
import { Card, Page } from "../../components/Page";
import { toast } from "../../components/toasts";
import { Asked } from "./Asked";
import { Clock } from "./Clock";
import { Conversation } from "./Conversation";
import { Decisions } from "./Decisions";
import { Recipients } from "./Recipients";
import { RequestTimeline } from "./RequestTimeline";
import { Standing } from "./Standing";
import { KIND_WORDS, isOpen, requestState } from "./words";

const BACK = { to: "/requests", label: "Requests" };

export function RequestPage() {
  const { id = "" } = useParams();
  // While something is under way the page follows it.
  const query = useQuery({
    queryKey: ["request", id],
    queryFn: () => getRequest(id),
    refetchInterval: ({ state }) => (state.data && isOpen(state.data) ? 3_000 : false),
  });
  return (
    <LoadedPage query={query} back={BACK}>
      {(request) => <RequestView request={request} />}
    </LoadedPage>
  );
}

function RequestView({ request }: { request: SubjectRequest }) {
  const cache = useQueryClient();
  const state = requestState(request.state);
  const changed = (fresh: SubjectRequest, words: string) => {
    cache.setQueryData(["request", fresh.id], fresh);
    void cache.invalidateQueries({ queryKey: ["requests"] });
    toast({ title: words });
  };
  return (
    <Page
      title={`${KIND_WORDS[request.kind]} request`}
      back={BACK}
      lede={
        <span className="row tight">
          <Badge tone={state.tone}>{state.words}</Badge>
          {request.paused_at && <Badge tone="warn">paused</Badge>}
          {isOpen(request) && !request.paused_at && (
            <span>
              due <DueDate at={request.due_at} open />
            </span>
          )}
        </span>
      }
      actions={<Decisions request={request} onChanged={changed} />}
    >
      <div className="grid-2">
        <Asked request={request} />
        <Conversation request={request} />
        <Clock request={request} onChanged={changed} />
        <Standing request={request} onChanged={changed} />
        <Card title="What happened">
          <RequestTimeline events={request.events} />
        </Card>
        <Recipients request={request} />
      </div>
    </Page>
  );
}
