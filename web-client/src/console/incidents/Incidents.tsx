import { useState } from "react";
import { Link, useNavigate, useSearchParams } from "react-router";
import { createIncident, listIncidents } from "../../api/incidents";
import type { Incident, IncidentIn } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { CardChoice, SelectInput, Tick } from "../../components/choices";
import { type Column, DataTable } from "../../components/DataTable";
import { Dialog } from "../../components/Dialog";
import { LongText, TextInput } from "../../components/fields";
import { ListCard, useList } from "../../components/list";
import { DueDate, Moment } from "../../components/moments";
import { Page } from "../../components/Page";
import { Empty } from "../../components/states";
import { count } from "../../format/number";
import { useMay } from "../session";
import { EXPOSURES, NATURES, RISKS, clock } from "./words";

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
      <ListCard list={list} empty={<Empty icon="audit" title={overdue ? "None is overdue" : "No incidents"} />}>
        {(items) => <DataTable caption="Incidents" columns={COLUMNS} rows={items} rowKey={(row) => row.id} />}
      </ListCard>
      <Dialog title="Enter an incident" isOpen={making} onClose={() => setMaking(false)}>
        <NewIncident onClose={() => setMaking(false)} />
      </Dialog>
    </Page>
  );
}

function NewIncident({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate();
  const [title, setTitle] = useState("");
  const [facts, setFacts] = useState("");
  const [nature, setNature] = useState<string[]>(["confidentiality"]);
  const [exposure, setExposure] = useState<string>("live");
  const [started, setStarted] = useState("");
  const submit = () => {
    const began = started === "" ? new Date() : new Date(started);
    // What is no time at all is told by the server, at its field.
    const started_at = Number.isNaN(began.getTime()) ? started : began.toISOString();
    return createIncident({ title, facts, nature, endpoint_ids: [], exposure: exposure as IncidentIn["exposure"], started_at });
  };
  return (
    <ApiForm submit={submit} submitLabel="Enter it" beside={<Button onPress={onClose}>Cancel</Button>} onDone={(incident) => navigate(`/incidents/${incident.id}`)}>
      <p className="soft">The clock of 72 hours begins now. What is not known yet can follow.</p>
      <TextInput name="/title" label="Title" value={title} onChange={setTitle} required autoFocus />
      <LongText name="/facts" label="What happened" value={facts} onChange={setFacts} required />
      <div className="stack">
        {NATURES.map(({ id, label }) => (
          <Tick key={id} name={`/nature/${id}`} label={label} value={nature.includes(id)} onChange={(on) => setNature(on ? [...nature, id] : nature.filter((one) => one !== id))} />
        ))}
      </div>
      <CardChoice name="/exposure" label="What got out" choices={EXPOSURES} value={exposure} onChange={setExposure} />
      <TextInput name="/started_at" label="Since when" value={started} onChange={setStarted} placeholder="2026-11-21T09:00:00Z" code hint="Empty: since now." />
    </ApiForm>
  );
}
