import { useState } from "react";
import { Link, useNavigate, useSearchParams } from "react-router";
import { createIncident, listIncidents } from "../../api/incidents";
import type { Incident } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { SelectInput } from "../../components/choices";
import { type Column, DataTable } from "../../components/DataTable";
import { Dialog } from "../../components/Dialog";
import { TextInput } from "../../components/fields";
import { ListCard, useList } from "../../components/list";
import { DueDate, Moment } from "../../components/moments";
import { Page } from "../../components/Page";
import { Empty } from "../../components/states";
import { localMinute } from "../../format/local";
import { count } from "../../format/number";
import { useMay } from "../session";
import { IncidentFields } from "./IncidentFields";
import { emptyDraft, toInput } from "./draft";
import { RISKS, clock } from "./words";

const COLUMNS: Column<Incident>[] = [
  {
    header: "Incident",
    primary: true,
    cell: (row) => (
      <Link to={`/incidents/${row.id}`} className="row-link">
        {row.title}
      </Link>
    ),
  },
  { header: "State", cell: (row) => <Badge tone={row.state === "closed" ? "plain" : "accent"}>{row.state}</Badge> },
  { header: "Clock", cell: (row) => (clock(row).running ? <DueDate at={row.due_at} open /> : <Badge tone={clock(row).tone}>{clock(row).words}</Badge>) },
  { header: "Risk", cell: (row) => RISKS.find((risk) => risk.id === row.risk)?.label },
  { header: "Persons", cell: (row) => (row.scope ? count(row.scope.subjects) : <span className="faint">not known yet</span>) },
  { header: "Became aware", cell: (row) => <Moment at={row.aware_at} /> },
];

export function Incidents() {
  const may = useMay();
  const [search, setSearch] = useSearchParams();
  const [making, setMaking] = useState(false);
  const overdue = search.get("overdue") === "true" ? true : undefined;
  const list = useList(["incidents", { overdue }], (cursor) => listIncidents({ overdue, cursor }), { every: 10_000 });
  return (
    <Page
      title="Incidents"
      lede="The register of personal-data breaches: all of them. The authority is told within 72 hours of becoming aware."
      actions={
        may("incidents:write") && (
          <Button kind="primary" icon="plus" onPress={() => setMaking(true)}>
            Enter an incident
          </Button>
        )
      }
    >
      <div className="toolbar">
        <SelectInput name="overdue" label="Clock" value={overdue ? "true" : ""} onChange={(value) => setSearch(value ? { overdue: value } : {}, { replace: true })} choices={[{ id: "", label: "Any" }, { id: "true", label: "Overdue" }]} />
      </div>
      <ListCard
        list={list}
        empty={
          <Empty icon="audit" title={overdue ? "None is overdue" : "No incidents"}>
            {!overdue && <p>Enter each breach as soon as you know of it, also one that nobody has to be told of: the law asks for a register of all.</p>}
          </Empty>
        }
      >
        {(items) => <DataTable caption="Incidents" columns={COLUMNS} rows={items} rowKey={(row) => row.id} />}
      </ListCard>
      <Dialog title="Enter an incident" wide isOpen={making} onClose={() => setMaking(false)}>
        <NewIncident onClose={() => setMaking(false)} />
      </Dialog>
    </Page>
  );
}

function NewIncident({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate();
  const [draft, setDraft] = useState(() => emptyDraft(new Date()));
  const [risk, setRisk] = useState("unknown");
  const [aware, setAware] = useState(() => localMinute(new Date()));
  return (
    <ApiForm submit={() => createIncident(toInput(draft, aware, risk))} submitLabel="Enter it" beside={<Button onPress={onClose}>Cancel</Button>} onDone={(incident) => navigate(`/incidents/${incident.id}`)}>
      <p className="soft">The clock of 72 hours begins when you became aware. What is not known yet can follow.</p>
      <TextInput name="/aware_at" label="When you became aware" type="datetime-local" value={aware} onChange={setAware} required={false} hint="In your own time zone. Empty: now." />
      <IncidentFields draft={draft} set={(key, value) => setDraft((current) => ({ ...current, [key]: value }))} />
      <SelectInput name="/risk" label="Risk to the persons" choices={RISKS} value={risk} onChange={setRisk} />
    </ApiForm>
  );
}
