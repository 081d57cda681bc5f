import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { acknowledgeRequest, extendRequest, pauseRequest, resumeRequest } from "../../api/requests";
import { listJurisdictions } from "../../api/tenant";
import type { SubjectRequest } from "../../api/types";
import { Button } from "../../components/Button";
import { Confirm, Dialog } from "../../components/Dialog";
import { DueDate } from "../../components/moments";
import { Notice } from "../../components/Notice";
import { Card } from "../../components/Page";
import { fullTime } from "../../format/time";
import { useMay } from "../session";
import { TellWhy } from "./TellWhy";
import { EXTENSIONS, PAUSES, isOpen } from "./words";

/** The time to answer: until when, what stopped or lengthened it, and what the law of the request lets one do about it. */
export function Clock({ request, onChanged }: { request: SubjectRequest; onChanged: (request: SubjectRequest, words: string) => void }) {
  const may = useMay();
  const law = useQuery({ queryKey: ["jurisdictions"], queryFn: listJurisdictions, staleTime: 300_000 }).data?.items.find(({ key }) => key === request.jurisdiction);
  const [asking, setAsking] = useState<"extend" | "pause" | "resume" | "acknowledge">();
  const close = () => setAsking(undefined);
  const done = (words: string) => (changed: SubjectRequest) => {
    close();
    onChanged(changed, words);
  };
  const acts = may("requests:write") && isOpen(request);
  const pauses = PAUSES.filter(({ id }) => law?.pauses.includes(id));
  return (
    <Card title="Time to answer">
      <dl className="facts">
        <dt>Due</dt>
        <dd>
          {fullTime(request.due_at)} {isOpen(request) && !request.paused_at && <>(<DueDate at={request.due_at} open />)</>}
        </dd>
        <dt>Law</dt>
        <dd>{law ? `${law.name}: ${law.respond}` : request.jurisdiction}</dd>
        {request.extended_at && (
          <>
            <dt>Extended</dt>
            <dd>
              {fullTime(request.extended_at)}: {label(EXTENSIONS, request.extension_reason)}
            </dd>
          </>
        )}
        {request.acknowledge_by && (
          <>
            <dt>Receipt</dt>
            <dd>{request.acknowledged_at ? `confirmed ${fullTime(request.acknowledged_at)}` : `to be confirmed by ${fullTime(request.acknowledge_by)}`}</dd>
          </>
        )}
      </dl>
      {request.paused_at && (
        <Notice tone="warn">
          The clock stands still since {fullTime(request.paused_at)}: {label(PAUSES, request.pause_reason)}. It goes on when you let it.
        </Notice>
      )}
      {acts && (
        <div className="row">
          {request.paused_at && (
            <Button kind="primary" onPress={() => setAsking("resume")}>
              Let the clock go on…
            </Button>
          )}
          {!request.paused_at && request.state !== "in_progress" && pauses.length > 0 && <Button onPress={() => setAsking("pause")}>Ask, and stop the clock…</Button>}
          {law?.extend && !request.extended_at && !request.overdue && <Button onPress={() => setAsking("extend")}>Extend…</Button>}
          {request.acknowledge_by && !request.acknowledged_at && <Button onPress={() => setAsking("acknowledge")}>Receipt is confirmed…</Button>}
        </div>
      )}
      <Dialog title="Extend the time to answer" isOpen={asking === "extend"} onClose={close}>
        <TellWhy
          lede={`Once, and by ${law?.extend ?? "what the law allows"}. They are told why by mail, now.`}
          choices={EXTENSIONS}
          textLabel="In your words, to them"
          submitLabel="Extend"
          submit={(input) => extendRequest(request.id, input)}
          onClose={close}
          onDone={done("The time is extended.")}
        />
      </Dialog>
      <Dialog title="Ask, and stop the clock" isOpen={asking === "pause"} onClose={close}>
        <TellWhy
          lede="They are asked by mail. The clock stands still until you let it go on."
          choices={pauses}
          textLabel="What you ask them"
          submitLabel="Ask them"
          submit={(input) => pauseRequest(request.id, input)}
          onClose={close}
          onDone={done("They are asked, and the clock stands still.")}
        />
      </Dialog>
      <Confirm title="Let the clock go on?" confirmLabel="Go on" kind="primary" isOpen={asking === "resume"} onClose={close} act={() => resumeRequest(request.id)} onDone={done("The clock goes on.")}>
        <p>The time to answer ends later by the whole days that the clock stood still.</p>
      </Confirm>
      <Confirm title="Receipt is confirmed?" confirmLabel="Note it" kind="primary" isOpen={asking === "acknowledge"} onClose={close} act={() => acknowledgeRequest(request.id)} onDone={done("The receipt is confirmed.")}>
        <p>You told them by other means than a mail of ours that their request has arrived.</p>
      </Confirm>
    </Card>
  );
}

function label(choices: readonly { id: string; label: string }[], id: string | undefined): string {
  return (choices.find((choice) => choice.id === id)?.label ?? id ?? "").toLowerCase();
}
