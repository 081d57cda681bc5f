import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useParams } from "react-router";
import { approveRequest, exportUrl, getRequest, withdrawRequest } from "../../api/requests";
import type { SubjectRequest } from "../../api/types";
import { Badge } from "../../components/Badge";
import { Button, DownloadLink } from "../../components/Button";
import { Confirm, Dialog } from "../../components/Dialog";
import { DueDate } from "../../components/moments";
import { Notice } from "../../components/Notice";
import { Card, Page } from "../../components/Page";
import { Loaded } from "../../components/states";
import { toast } from "../../components/toasts";
import { bytes, counted } from "../../format/number";
import { fullTime } from "../../format/time";
import { useMay } from "../session";
import { SubjectName } from "../SubjectName";
import { Refuse } from "./Refuse";
import { RequestTimeline } from "./RequestTimeline";
import { Recipients } from "./Recipients";
import { KIND_WORDS, ORIGIN_WORDS, isOpen, refusalInWords, requestState } from "./words";

export function RequestPage() {
  const { id = "" } = useParams();
  // While something is under way the page follows it.
  const query = useQuery({
    queryKey: ["request", id],
    queryFn: () => getRequest(id),
    refetchInterval: ({ state }) => (state.data === undefined || isOpen(state.data) ? 3_000 : false),
  });
  return <Loaded query={query}>{(request) => <RequestView request={request} />}</Loaded>;
}

function RequestView({ request }: { request: SubjectRequest }) {
  const state = requestState(request.state);
  return (
    <Page
      title={`${KIND_WORDS[request.kind] ?? request.kind} request`}
      back={{ to: "/requests", label: "Requests" }}
      lede={
        <span className="row tight">
          <Badge tone={state.tone}>{state.words}</Badge>
          {isOpen(request) && (
            <span>
              due <DueDate at={request.due_at} open />
            </span>
          )}
        </span>
      }
      actions={<Decisions request={request} />}
    >
      <div className="grid-2">
        <Card title="What is asked">
          <dl className="facts">
            <dt>By</dt>
            <dd>{request.subject_id ? <SubjectName id={request.subject_id} /> : (request.email ?? "a person whose data is erased")}</dd>
            {request.email && (
              <>
                <dt>E-mail</dt>
                <dd>{request.email}</dd>
              </>
            )}
            <dt>Made</dt>
            <dd>{ORIGIN_WORDS[request.origin]}</dd>
            <dt>Received</dt>
            <dd>{fullTime(request.received_at)}</dd>
            <dt>Due</dt>
            <dd>{fullTime(request.due_at)}</dd>
            {request.completed_at && (
              <>
                <dt>Completed</dt>
                <dd>{fullTime(request.completed_at)}</dd>
              </>
            )}
          </dl>
          <Outcome request={request} />
        </Card>
        <Card title="What happened">
          <RequestTimeline events={request.events} />
        </Card>
        <Recipients request={request} />
      </div>
    </Page>
  );
}

function Outcome({ request }: { request: SubjectRequest }) {
  const { messages = 0, connections = 0, consents = 0, keys = 0 } = request.result ?? {};
  const parts = [
    { amount: messages, one: "message" },
    { amount: connections, one: "connection record" },
    { amount: consents, one: "consent record" },
    { amount: keys, one: "key" },
  ].flatMap(({ amount, one }) => (amount > 0 ? [counted(amount, one)] : []));
  return (
    <>
      {request.refusal && (
        <Notice tone="warn">
          <strong>Refused: {refusalInWords(request.refusal.code)}.</strong> {request.refusal.text}
        </Notice>
      )}
      {parts.length > 0 && (
        <Notice tone="good">
          {request.kind === "erasure" ? "Erased: " : "Collected: "}
          {parts.join(", ")}.
        </Notice>
      )}
      {(request.export || request.receipt_url) && (
        <div className="row">
          {request.export && <DownloadLink href={exportUrl(request.id)}>Download ({bytes(request.export.size)})</DownloadLink>}
          {request.receipt_url && <DownloadLink href={request.receipt_url}>Receipt</DownloadLink>}
        </div>
      )}
      {request.export && (
        <p className="faint small">
          Available until {fullTime(request.export.expires_at)}; downloaded {counted(request.export.downloads, "time")}.
        </p>
      )}
    </>
  );
}

function Decisions({ request }: { request: SubjectRequest }) {
  const may = useMay();
  const cache = useQueryClient();
  const [asking, setAsking] = useState<"refuse" | "approve" | "withdraw">();
  const close = () => setAsking(undefined);
  const done = (changed: SubjectRequest) => {
    cache.setQueryData(["request", request.id], changed);
    void cache.invalidateQueries({ queryKey: ["requests"] });
    close();
    toast({ title: `The request is ${requestState(changed.state).words}.` });
  };
  if (!may("requests:write") || !isOpen(request)) return null;
  return (
    <>
      {request.state === "approval" && (
        <Button kind="primary" onPress={() => setAsking("approve")}>
          Approve…
        </Button>
      )}
      {request.origin === "tenant" && <Button onPress={() => setAsking("withdraw")}>Withdraw…</Button>}
      <Button kind="quiet bad" onPress={() => setAsking("refuse")}>
        Refuse…
      </Button>
      <Dialog title="Refuse this request" isOpen={asking === "refuse"} onClose={close}>
        <Refuse request={request} onClose={close} onDone={done} />
      </Dialog>
      <Confirm title="Approve?" confirmLabel={request.kind === "erasure" ? "Approve and erase" : "Approve"} kind={request.kind === "erasure" ? "danger" : "primary"} isOpen={asking === "approve"} onClose={close} act={() => approveRequest(request.id)} onDone={done}>
        <p>{request.kind === "erasure" ? "Everything held about them is erased now. It cannot be undone." : "The copy is prepared and they are told by mail."}</p>
      </Confirm>
      <Confirm title="Withdraw this request?" confirmLabel="Withdraw it" isOpen={asking === "withdraw"} onClose={close} act={() => withdrawRequest(request.id)} onDone={done}>
        <p>Your team made it. Nothing further is done; it stays in the record as withdrawn.</p>
      </Confirm>
    </>
  );
}
