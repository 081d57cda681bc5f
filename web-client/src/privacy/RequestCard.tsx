import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { portalExportUrl, portalReceiptUrl, withdrawPortalRequest } from "../api/portal";
import type { SubjectRequest } from "../api/types";
import { Badge, type Tone } from "../components/Badge";
import { Button, DownloadLink } from "../components/Button";
import { Confirm } from "../components/Dialog";
import { useNow } from "../components/moments";
import { toast } from "../components/toasts";
import { bytes } from "../format/number";
import { longDate, relativeTime } from "../format/time";
import { Letters } from "./Letters";
import { RequestSaid } from "./RequestSaid";
import { RequestSteps } from "./RequestSteps";
import { useWords } from "./words";
import { said } from "./words/codes";

const TONES: Record<string, Tone> = { completed: "good", refused: "bad", withdrawn: "plain", expired: "plain" };

export function isOpen({ state }: Pick<SubjectRequest, "state">): boolean {
  return ["received", "verified", "in_progress", "approval"].includes(state);
}

export function RequestCard({ slug, request }: { slug: string; request: SubjectRequest }) {
  const words = useWords();
  const now = useNow();
  const open = isOpen(request);
  const due = longDate(request.due_at, words.locale);
  return (
    <li className="card padded stack tight">
      <div className="row between">
        <h3 className="serif">{words.requests[request.kind].name}</h3>
        <Badge tone={TONES[request.state] ?? "accent"}>{said(words.requests.states, request.state, request.state)}</Badge>
      </div>
      <p className="soft">
        {words.requests.madeOn(relativeTime(request.received_at, now, words.locale))}
        {open && `, ${new Date(request.due_at).getTime() < now ? words.requests.late(due) : words.requests.dueBy(due)}`}.
      </p>
      <RequestSaid slug={slug} details={request.details} />
      {open && request.paused_at && <p className="soft">{words.requests.paused}</p>}
      {open && request.extended_at && <p className="soft">{words.requests.extended(due)}</p>}
      {request.lift_at && !request.lifted_at && <p className="soft">{words.requests.endsOn(longDate(request.lift_at, words.locale))}</p>}
      {request.progress && (
        <progress className="wide" aria-label={words.requests.working} max={Math.max(request.progress.of, 1)} value={request.progress.messages} />
      )}
      <Outcome slug={slug} request={request} />
      <Letters slug={slug} id={request.id} />
      <details className="small">
        <summary>{words.requests.steps}</summary>
        <RequestSteps events={request.events} />
      </details>
      {open && <TakeBack slug={slug} request={request} />}
    </li>
  );
}

function Outcome({ slug, request }: { slug: string; request: SubjectRequest }) {
  const words = useWords();
  const parts = ["messages", "connections", "consents", "keys"] as const;
  const counts = parts.flatMap((what) => (request.result?.[what] ? [words.requests.parts[what](request.result[what])] : []));
  return (
    <>
      {request.refusal && (
        <div className="notice warn">
          <div className="body">
            <strong>
              {words.requests[request.state === "refused" ? "refused" : "refusedInPart"]}: {said(words.refusals, request.refusal.code, words.otherReason)}
            </strong>
            {request.refusal.text && <p>{request.refusal.text}</p>}
            <p className="small soft">{words.requests.complain}</p>
          </div>
        </div>
      )}
      {request.kind === "erasure" && request.state === "completed" && counts.length > 0 && <p>{words.requests.erased(new Intl.ListFormat(words.locale, { type: "conjunction" }).format(counts))}</p>}
      {request.export && (
        <div className="row">
          <DownloadLink href={portalExportUrl(slug, request.id)} kind="primary">
            {words.requests.download} ({bytes(request.export.size, words.locale)})
          </DownloadLink>
          <span className="faint small">{words.requests.available(longDate(request.export.expires_at, words.locale))}</span>
        </div>
      )}
      {request.receipt_url && (
        <div className="row">
          <DownloadLink href={portalReceiptUrl(slug, request.id)} size="small">
            {request.state === "completed" ? words.requests.receipt : words.requests.outcome}
          </DownloadLink>
          <span className="faint small">{request.state === "completed" ? words.requests.receiptHint : words.requests.outcomeHint}</span>
        </div>
      )}
    </>
  );
}

function TakeBack({ slug, request }: { slug: string; request: SubjectRequest }) {
  const words = useWords();
  const cache = useQueryClient();
  const [asking, setAsking] = useState(false);
  return (
    <div>
      <Button size="small" kind="quiet" onPress={() => setAsking(true)}>
        {words.requests.withdraw}
      </Button>
      <Confirm
        title={words.requests.withdrawTitle}
        confirmLabel={words.requests.withdraw}
        kind="primary"
        isOpen={asking}
        onClose={() => setAsking(false)}
        act={() => withdrawPortalRequest(slug, request.id)}
        onDone={() => {
          toast({ title: words.requests.withdrawn });
          void cache.invalidateQueries({ queryKey: ["portal", slug, "mine"] });
        }}
      >
        <p>{words.requests.withdrawText}</p>
      </Confirm>
    </div>
  );
}
