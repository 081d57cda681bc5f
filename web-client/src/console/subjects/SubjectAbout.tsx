import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { createRequest } from "../../api/requests";
import { changeSubject, eraseSubject, getSubject } from "../../api/subjects";
import type { Subject } from "../../api/types";
import { Button } from "../../components/Button";
import { Confirm } from "../../components/Dialog";
import { EditForm } from "../../components/EditForm";
import { TextInput } from "../../components/fields";
import { Card } from "../../components/Page";
import { toast } from "../../components/toasts";
import { orNull, useEdit } from "../../components/useEdit";
import { count } from "../../format/number";
import { fullTime } from "../../format/time";
import { useMay } from "../session";

const toDraft = (subject: Subject) => ({ email: subject.email ?? "" });

export function SubjectAbout({ subject }: { subject: Subject }) {
  const may = useMay();
  const cache = useQueryClient();
  const navigate = useNavigate();
  const edit = useEdit(toDraft(subject), subject.version);
  const name = subject.external_id ?? "";
  const [asking, setAsking] = useState<"access" | "erasure" | "restrict">();
  return (
    <div className="grid-2">
      <Card title="Details">
        <dl className="facts">
          <dt>Your id</dt>
          <dd>
            <code>{subject.external_id}</code>
          </dd>
          <dt>Known since</dt>
          <dd>{fullTime(subject.created_at)}</dd>
          {Object.entries(subject.counts ?? {}).map(([what, amount]) => (
            <Fact key={what} label={what.replaceAll("_", " ")} value={count(amount ?? 0)} />
          ))}
        </dl>
        {may("subjects:write") && (
          <EditForm
            edit={edit}
            toDraft={toDraft}
            labels={{ email: "e-mail address" }}
            save={(version, changes) => changeSubject(subject.id, version, { email: orNull(changes.email) })}
            reload={() => getSubject(subject.id)}
            onSaved={(saved) => {
              cache.setQueryData(["subject", subject.id], saved);
              toast({ title: "Saved." });
            }}
          >
            <TextInput name="/email" label="E-mail" type="email" value={edit.draft.email} onChange={(value) => edit.set("email", value)} required={false} hint="Lets them use the privacy page. It is stored sealed." />
          </EditForm>
        )}
      </Card>
      {(may("requests:write") || may("subjects:write")) && (
        <Card title="Their rights">
          {may("requests:write") && (
            <div className="row between nowrap-row">
              <p className="soft">A copy of everything held about them, as a ZIP.</p>
              <Button onPress={() => setAsking("access")}>Prepare a copy…</Button>
            </div>
          )}
          {may("subjects:write") && (
            <div className="row between nowrap-row">
              <p className="soft">{subject.restricted ? "Their data is only stored: nothing is delivered or read." : "Restrict processing: their data is stored and nothing else, until you lift it."}</p>
              <Button onPress={() => setAsking("restrict")}>{subject.restricted ? "Lift the restriction…" : "Restrict…"}</Button>
            </div>
          )}
          {may("subjects:write") && (
            <div className="row between nowrap-row">
              <p className="soft">Erase everything held about them, here and in every backup.</p>
              <Button kind="danger" icon="trash" onPress={() => setAsking("erasure")}>
                Erase…
              </Button>
            </div>
          )}
        </Card>
      )}
      <Confirm
        title={subject.restricted ? "Lift the restriction?" : `Restrict processing for ${subject.external_id}?`}
        confirmLabel={subject.restricted ? "Lift it" : "Restrict"}
        kind="primary"
        isOpen={asking === "restrict"}
        onClose={() => setAsking(undefined)}
        act={() => changeSubject(subject.id, subject.version, { restricted: !subject.restricted })}
        onDone={(saved) => {
          cache.setQueryData(["subject", subject.id], saved);
          toast({ title: saved.restricted ? "Processing is restricted." : "The restriction is lifted." });
        }}
      >
        <p>{subject.restricted ? "The law asks you to tell them before you do this." : "Their sockets fall silent and their messages are not read, on any path, until you lift it."}</p>
      </Confirm>
      <Confirm
        title="Prepare a copy of their data?"
        confirmLabel="Make the request"
        kind="primary"
        isOpen={asking === "access"}
        onClose={() => setAsking(undefined)}
        act={() => createRequest({ kind: "access", subject: name })}
        onDone={(request) => navigate(`/requests/${request.id}`)}
      >
        <p>It is recorded as an access request made by you for {subject.external_id}, with its due date.</p>
      </Confirm>
      <Confirm
        title={`Erase ${subject.external_id}?`}
        confirmLabel="Erase for good"
        typed={name}
        isOpen={asking === "erasure"}
        onClose={() => setAsking(undefined)}
        act={() => eraseSubject(subject.id, name)}
        onDone={(request) => {
          void cache.invalidateQueries({ queryKey: ["subjects"] });
          toast({ title: "The erasure has begun." });
          navigate(`/requests/${request.id}`);
        }}
      >
        <p>Their keys are destroyed, so that no copy in any backup can be read, then the rows go. Their connections close. It cannot be undone.</p>
      </Confirm>
    </div>
  );
}

function Fact({ label, value }: { label: string; value: string }) {
  return (
    <>
      <dt>{label.charAt(0).toUpperCase() + label.slice(1)}</dt>
      <dd className="num">{value}</dd>
    </>
  );
}
