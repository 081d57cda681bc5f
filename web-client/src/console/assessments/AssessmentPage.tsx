import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate, useParams } from "react-router";
import { decideDpia, deleteDpia, getDpia, updateDpia } from "../../api/dpias";
import type { Dpia } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { CardChoice } from "../../components/choices";
import { Confirm } from "../../components/Dialog";
import { EditForm } from "../../components/EditForm";
import { LoadedPage } from "../../components/LoadedPage";
import { Card, Page } from "../../components/Page";
import { toast } from "../../components/toasts";
import { useEdit } from "../../components/useEdit";
import { fullTime } from "../../format/time";
import { useMay } from "../session";
import { AssessmentFields } from "./AssessmentFields";
import { toDraft, toInput } from "./draft";
import { DECISIONS, OUTCOMES, worst } from "./words";

const BACK = { to: "/assessments", label: "Impact assessments" };

export function AssessmentPage() {
  const { id = "" } = useParams();
  const query = useQuery({ queryKey: ["dpia", id], queryFn: () => getDpia(id) });
  return <LoadedPage query={query} back={BACK}>{(dpia) => <AssessmentView dpia={dpia} key={dpia.id} />}</LoadedPage>;
}

function AssessmentView({ dpia }: { dpia: Dpia }) {
  const may = useMay();
  const cache = useQueryClient();
  const navigate = useNavigate();
  const [deleting, setDeleting] = useState(false);
  const outcome = OUTCOMES[dpia.outcome];
  const mayWrite = may("assessments:write");
  const changed = (fresh: Dpia, words: string) => {
    cache.setQueryData(["dpia", fresh.id], fresh);
    void cache.invalidateQueries({ queryKey: ["dpias"] });
    toast({ title: words });
  };
  return (
    <Page
      title={dpia.title}
      back={BACK}
      lede={
        <span className="row tight">
          <Badge tone={outcome.tone}>{outcome.label}</Badge>
          <Badge tone={worst(dpia.risks).tone}>{worst(dpia.risks).label} risk is left</Badge>
          {dpia.approved_at && <span>since {fullTime(dpia.approved_at)}</span>}
        </span>
      }
      actions={
        mayWrite && (
          <Button kind="quiet bad" icon="trash" onPress={() => setDeleting(true)}>
            Delete
          </Button>
        )
      }
    >
      <div className="grid-2">
        {mayWrite ? <Says dpia={dpia} onSaved={(fresh) => changed(fresh, "Saved. It has to be decided anew.")} /> : <Reads dpia={dpia} />}
        {mayWrite && <Decision dpia={dpia} key={dpia.version} onDecided={(fresh) => changed(fresh, `Decided: ${OUTCOMES[fresh.outcome].label}.`)} />}
      </div>
      <Confirm
        title={`Delete “${dpia.title}”?`}
        confirmLabel="Delete"
        isOpen={deleting}
        onClose={() => setDeleting(false)}
        act={() => deleteDpia(dpia.id, dpia.version)}
        onDone={() => {
          void cache.invalidateQueries({ queryKey: ["dpias"] });
          navigate("/assessments");
        }}
      >
        <p>What it said stays in no record but the log of changes. One that an endpoint rests on cannot be deleted.</p>
      </Confirm>
    </Page>
  );
}

function Says({ dpia, onSaved }: { dpia: Dpia; onSaved: (dpia: Dpia) => void }) {
  const edit = useEdit(toDraft(dpia), dpia.version);
  return (
    <Card title="What it says">
      <EditForm
        edit={edit}
        toDraft={toDraft}
        labels={{ title: "title", description: "what is done", necessity: "necessity", risks: "risks", advice: "advice", review: "when to look again" }}
        save={(version) => updateDpia(dpia.id, version, toInput(edit.draft))}
        reload={() => getDpia(dpia.id)}
        onSaved={onSaved}
      >
        <AssessmentFields draft={edit.draft} set={edit.set} />
      </EditForm>
    </Card>
  );
}

/** For those who may not change it. */
function Reads({ dpia }: { dpia: Dpia }) {
  return (
    <Card title="What it says">
      <p className="prose">{dpia.description}</p>
      <h3>Why it is necessary, and in proportion</h3>
      <p className="prose">{dpia.necessity}</p>
      <h3>Risks</h3>
      <ul>
        {dpia.risks.map(({ risk, measure, residual }, index) => (
          <li key={index}>
            {risk}: {measure} ({residual} risk is left)
          </li>
        ))}
      </ul>
      {dpia.advice && (
        <>
          <h3>What the data protection officer advises</h3>
          <p className="prose">{dpia.advice}</p>
        </>
      )}
    </Card>
  );
}

function Decision({ dpia, onDecided }: { dpia: Dpia; onDecided: (dpia: Dpia) => void }) {
  const [outcome, setOutcome] = useState<string>(dpia.outcome);
  return (
    <Card title="What it comes to">
      <ApiForm
        submit={() => decideDpia(dpia.id, dpia.version, outcome as Dpia["outcome"])}
        submitLabel="Decide"
        disabled={outcome === dpia.outcome}
        onDone={onDecided}
      >
        <CardChoice name="/outcome" label="Outcome" choices={DECISIONS} value={outcome} onChange={setOutcome} />
      </ApiForm>
    </Card>
  );
}
