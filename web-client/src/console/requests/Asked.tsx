import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { getSubject } from "../../api/subjects";
import type { SubjectRequest } from "../../api/types";
import { Card } from "../../components/Page";
import { fullTime } from "../../format/time";
import { actorFrom, useActorNames } from "../actors";
import { useDataTypeList, useNames } from "../names";
import { useMay } from "../session";
import { SubjectName } from "../SubjectName";
import { Outcome } from "./Outcome";
import { GROUNDS, ORIGIN_WORDS, isOpen } from "./words";

/** All that somebody needs who decides about it: who asks, what for, and in which words. */
export function Asked({ request }: { request: SubjectRequest }) {
  const names = useNames();
  const actorName = useActorNames();
  const { agent, ground, purpose_ids = [], text } = request.details ?? {};
  return (
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
        {agent && (
          <>
            <dt>Through</dt>
            <dd>
              {agent.name}, {agent.email}: {agent.authority}
            </dd>
          </>
        )}
        <Corrections request={request} />
        {purpose_ids.length > 0 && (
          <>
            <dt>Objects to</dt>
            <dd>{purpose_ids.map(names.purpose).join(", ")}</dd>
          </>
        )}
        {ground && (
          <>
            <dt>Ground</dt>
            <dd>{GROUNDS.find(({ id }) => id === ground)?.label ?? ground}</dd>
          </>
        )}
        <dt>Made</dt>
        <dd>{ORIGIN_WORDS[request.origin]}</dd>
        <dt>Received</dt>
        <dd>{fullTime(request.received_at)}</dd>
        {request.verified_at && (
          <>
            <dt>Identity checked</dt>
            <dd>{fullTime(request.verified_at)}</dd>
          </>
        )}
        {request.language && (
          <>
            <dt>Written to in</dt>
            <dd>{new Intl.DisplayNames("en", { type: "language" }).of(request.language)}</dd>
          </>
        )}
        {request.approved_by && (
          <>
            <dt>First approved by</dt>
            <dd>{actorName(actorFrom(request.approved_by))}</dd>
          </>
        )}
        {request.repeats && (
          <>
            <dt>Repeats</dt>
            <dd>
              <Link to={`/requests/${request.repeats}`}>an earlier request</Link>, answered not long before
            </dd>
          </>
        )}
        {request.completed_at && (
          <>
            <dt>Completed</dt>
            <dd>{fullTime(request.completed_at)}</dd>
          </>
        )}
      </dl>
      {text && <blockquote className="prose said">{text}</blockquote>}
      {request.progress && <progress className="wide" aria-label="How far it has come" max={Math.max(request.progress.of, 1)} value={request.progress.messages} />}
      <Outcome request={request} />
    </Card>
  );
}

/** What is to be put right, and what it is now where that is known: the address. */
function Corrections({ request }: { request: SubjectRequest }) {
  const may = useMay();
  const dataTypes = useDataTypeList();
  const corrections = request.details?.corrections ?? [];
  const id = isOpen(request) ? request.subject_id : undefined;
  const person = useQuery({ queryKey: ["subject", id], queryFn: () => getSubject(id ?? ""), enabled: id !== undefined && corrections.length > 0 && may("subjects:read") }).data;
  return (
    <>
      {corrections.map(({ field, value }, index) => (
        <CorrectionLine key={index} label={field === "email" ? "E-mail address" : (dataTypes?.find(({ slug }) => slug === field)?.name ?? field)} was={field === "email" ? person?.email : undefined} value={value} />
      ))}
    </>
  );
}

function CorrectionLine({ label, was, value }: { label: string; was: string | undefined; value: string }) {
  return (
    <>
      <dt>Correct: {label}</dt>
      <dd>
        {was && (
          <>
            <del>{was}</del> <span aria-hidden="true">→</span>{" "}
          </>
        )}
        <ins>{value}</ins>
      </dd>
    </>
  );
}
