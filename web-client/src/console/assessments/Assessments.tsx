import { useState } from "react";
import { Link, useNavigate, useSearchParams } from "react-router";
import { createDpia, listDpias } from "../../api/dpias";
import type { Dpia } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { SelectInput } from "../../components/choices";
import { type Column, DataTable } from "../../components/DataTable";
import { Dialog } from "../../components/Dialog";
import { ListCard, useList } from "../../components/list";
import { Moment } from "../../components/moments";
import { Page } from "../../components/Page";
import { Empty } from "../../components/states";
import { useMay } from "../session";
import { AssessmentFields } from "./AssessmentFields";
import { type AssessmentDraft, EMPTY, toInput } from "./draft";
import { OUTCOMES, worst } from "./words";

const COLUMNS: Column<Dpia>[] = [
  {
    header: "Assessment",
    primary: true,
    cell: (row) => (
      <Link to={`/assessments/${row.id}`} className="row-link">
        {row.title}
      </Link>
    ),
  },
  { header: "Outcome", cell: (row) => <Badge tone={OUTCOMES[row.outcome].tone}>{OUTCOMES[row.outcome].label}</Badge> },
  { header: "Risks", align: "right", cell: (row) => row.risks.length },
  { header: "Worst that is left", cell: (row) => <Badge tone={worst(row.risks).tone}>{worst(row.risks).label}</Badge> },
  { header: "Look again", cell: (row) => <Moment at={row.review_at} /> },
  { header: "Changed", cell: (row) => <Moment at={row.updated_at} /> },
];

const CHOICES = [{ id: "", label: "Any" }, ...Object.entries(OUTCOMES).map(([id, { label }]) => ({ id, label }))];

export function Assessments() {
  const may = useMay();
  const [search, setSearch] = useSearchParams();
  const [making, setMaking] = useState(false);
  const asked = search.get("outcome") ?? "";
  const outcome = Object.hasOwn(OUTCOMES, asked) ? (asked as Dpia["outcome"]) : undefined;
  const list = useList(["dpias", { outcome }], (cursor) => listDpias({ outcome, cursor }));
  const create = may("assessments:write") && (
    <Button kind="primary" icon="plus" onPress={() => setMaking(true)}>
      New assessment
    </Button>
  );
  return (
    <Page
      title="Impact assessments"
      lede="What could happen to people, what is done about it, and what is left. An endpoint that needs one stays closed until it is found acceptable."
      actions={create}
    >
      <div className="toolbar">
        <SelectInput name="outcome" label="Outcome" value={outcome ?? ""} onChange={(value) => setSearch(value ? { outcome: value } : {}, { replace: true })} choices={CHOICES} />
      </div>
      <ListCard
        list={list}
        empty={
          <Empty icon="audit" title={outcome ? "None with this outcome" : "No assessments yet"}>
            {!outcome && <p>Large amounts of special categories, people who are watched or scored: these need one before they begin (GDPR Art. 35).</p>}
          </Empty>
        }
      >
        {(items) => <DataTable caption="Impact assessments" columns={COLUMNS} rows={items} rowKey={(row) => row.id} />}
      </ListCard>
      <Dialog title="New assessment" isOpen={making} onClose={() => setMaking(false)} wide>
        <NewAssessment onClose={() => setMaking(false)} />
      </Dialog>
    </Page>
  );
}

function NewAssessment({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate();
  const [draft, setDraft] = useState<AssessmentDraft>(EMPTY);
  return (
    <ApiForm submit={() => createDpia(toInput(draft))} submitLabel="Enter it" beside={<Button onPress={onClose}>Cancel</Button>} onDone={(dpia) => navigate(`/assessments/${dpia.id}`)}>
      <AssessmentFields draft={draft} set={(key, value) => setDraft((current) => ({ ...current, [key]: value }))} />
    </ApiForm>
  );
}
