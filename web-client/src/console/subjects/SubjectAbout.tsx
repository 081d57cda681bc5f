import { useQueryClient } from "@tanstack/react-query";
import { changeSubject, getSubject } from "../../api/subjects";
import type { Subject } from "../../api/types";
import { EditForm } from "../../components/EditForm";
import { TextInput } from "../../components/fields";
import { Card } from "../../components/Page";
import { toast } from "../../components/toasts";
import { orNull, useEdit } from "../../components/useEdit";
import { count } from "../../format/number";
import { fullTime } from "../../format/time";
import { useMay } from "../session";
import { Rights } from "./Rights";

const toDraft = (subject: Subject) => ({ email: subject.email ?? "" });

export function SubjectAbout({ subject }: { subject: Subject }) {
  const may = useMay();
  const cache = useQueryClient();
  const edit = useEdit(toDraft(subject), subject.version);
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
      <Rights subject={subject} />
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
