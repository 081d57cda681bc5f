import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useParams } from "react-router";
import { formUrl, getIncident, scopeIncident, updateIncident } from "../../api/incidents";
import type { Incident, IncidentPatch } from "../../api/types";
import { useAction } from "../../components/action";
import { ApiForm } from "../../components/ApiForm";
import { Badge } from "../../components/Badge";
import { Button, DownloadLink } from "../../components/Button";
import { SelectInput } from "../../components/choices";
import { LongText } from "../../components/fields";
import { DueDate } from "../../components/moments";
import { Notice } from "../../components/Notice";
import { Card, Page } from "../../components/Page";
import { Loaded } from "../../components/states";
import { toast } from "../../components/toasts";
import { count } from "../../format/number";
import { fullTime } from "../../format/time";
import { useNames } from "../names";
import { useMay } from "../session";
import { Told } from "./Told";
import { EXPOSURES, RISKS, clock, scopingInWords } from "./words";

export function IncidentPage() {
  const { id = "" } = useParams();
  // While its scope is being computed the page follows it.
  const query = useQuery({
    queryKey: ["incident", id],
    queryFn: () => getIncident(id),
    refetchInterval: ({ state }) => (state.data?.scoping ? 1_000 : 15_000),
  });
  return <Loaded query={query}>{(incident) => <IncidentView incident={incident} />}</Loaded>;
}

function IncidentView({ incident }: { incident: Incident }) {
  const now = clock(incident);
  return (
    <Page
      title={incident.title}
      back={{ to: "/incidents", label: "Incidents" }}
      lede={
        <span className="row tight">
          <Badge tone={incident.state === "closed" ? "plain" : "accent"}>{incident.state}</Badge>
          <Badge tone={now.tone}>{now.words}</Badge>
          {now.running && <DueDate at={incident.due_at} open />}
        </span>
      }
      actions={<DownloadLink href={formUrl(incident.id)}>Form for the authority</DownloadLink>}
    >
      <div className="grid-2">
        <Card title="What happened">
          <p className="prose">{incident.facts}</p>
          <dl className="facts">
            <dt>What got out</dt>
            <dd>{EXPOSURES.find((one) => one.id === incident.exposure)?.label}</dd>
            <dt>From</dt>
            <dd>{fullTime(incident.started_at)}</dd>
            <dt>To</dt>
            <dd>{incident.ended_at ? fullTime(incident.ended_at) : "still going on"}</dd>
            <dt>Became aware</dt>
            <dd>{fullTime(incident.aware_at)}</dd>
          </dl>
        </Card>
        <Scope incident={incident} />
        <Told incident={incident} />
        <Conclusions incident={incident} key={incident.version} />
      </div>
    </Page>
  );
}

function Scope({ incident }: { incident: Incident }) {
  const may = useMay();
  const cache = useQueryClient();
  const names = useNames();
  const { run, busy } = useAction(async () => {
    cache.setQueryData(["incident", incident.id], await scopeIncident(incident.id));
  });
  const { scope, scoping } = incident;
  return (
    <Card
      title="Whom it touched"
      aside={
        may("incidents:write") &&
        incident.state !== "closed" && (
          <Button onPress={() => void run()} isPending={busy || scoping !== undefined}>
            {scope ? "Count again" : "Count"}
          </Button>
        )
      }
    >
      {scoping && <Notice tone="info">{scopingInWords(scoping)}</Notice>}
      {scope ? (
        <>
          <dl className="facts">
            <dt>Persons</dt>
            <dd className="num">{count(scope.subjects)}</dd>
            <dt>of whom nobody can read anything</dt>
            <dd className="num">{count(scope.unintelligible_subjects)}</dd>
            <dt>Messages</dt>
            <dd className="num">{count(scope.records + scope.unattributed_records)}</dd>
            <dt>that nobody can read</dt>
            <dd className="num">{count(scope.unintelligible_records)}</dd>
            <dt>Connections</dt>
            <dd className="num">{count(scope.connections)}</dd>
          </dl>
          <ul>
            {scope.categories.map((category) => (
              <li key={[category.endpoint_id, category.purpose_id, ...category.data_types].join()}>
                {names.endpoint(category.endpoint_id)}: {category.data_types.join(", ") || "nothing of the catalogue"}, {count(category.records)} messages about {count(category.subjects)} persons
              </li>
            ))}
          </ul>
          {incident.scoped_at && <p className="faint small">Counted {fullTime(incident.scoped_at)}.</p>}
        </>
      ) : (
        !scoping && <p className="soft">Not known yet. It is counted from what is recorded.</p>
      )}
    </Card>
  );
}

function Conclusions({ incident }: { incident: Incident }) {
  const may = useMay();
  const cache = useQueryClient();
  const [risk, setRisk] = useState<string>(incident.risk);
  const [state, setState] = useState<string>(incident.state);
  const [effects, setEffects] = useState(incident.effects ?? "");
  const [measures, setMeasures] = useState(incident.measures ?? "");
  const [lessons, setLessons] = useState(incident.lessons ?? "");
  const submit = () => {
    const patch: IncidentPatch = { risk: risk as Incident["risk"], effects, measures, lessons };
    if (state !== incident.state) patch.state = state as Incident["state"];
    return updateIncident(incident.id, incident.version, patch);
  };
  return (
    <Card title="What follows">
      <ApiForm
        submit={submit}
        submitLabel="Save"
        disabled={!may("incidents:write")}
        onDone={(changed) => {
          cache.setQueryData(["incident", incident.id], changed);
          void cache.invalidateQueries({ queryKey: ["incidents"] });
          toast({ title: "Saved." });
        }}
      >
        <SelectInput name="/risk" label="Risk to the persons" choices={RISKS} value={risk} onChange={setRisk} />
        <LongText name="/effects" label="Likely consequences" value={effects} onChange={setEffects} />
        <LongText name="/measures" label="Measures taken or proposed" value={measures} onChange={setMeasures} />
        <LongText name="/lessons" label="What is done differently from now on" value={lessons} onChange={setLessons} />
        <SelectInput name="/state" label="State" choices={["open", "contained", "closed"].map((id) => ({ id, label: id }))} value={state} onChange={setState} />
      </ApiForm>
    </Card>
  );
}
