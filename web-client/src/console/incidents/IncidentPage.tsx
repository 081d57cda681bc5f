import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useParams } from "react-router";
import { formUrl, getIncident, updateIncident } from "../../api/incidents";
import type { Incident, IncidentPatch } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { Badge } from "../../components/Badge";
import { Button, DownloadLink } from "../../components/Button";
import { SelectInput } from "../../components/choices";
import { Dialog } from "../../components/Dialog";
import { LongText } from "../../components/fields";
import { LoadedPage } from "../../components/LoadedPage";
import { DueDate } from "../../components/moments";
import { Card, Page } from "../../components/Page";
import { toast } from "../../components/toasts";
import { orNull } from "../../components/useEdit";
import { fullTime } from "../../format/time";
import { useNames } from "../names";
import { useMay } from "../session";
import { EditIncident } from "./EditIncident";
import { Scope } from "./Scope";
import { Told } from "./Told";
import { EXEMPTIONS, EXPOSURES, NATURES, RISKS, clock } from "./words";

const BACK = { to: "/incidents", label: "Incidents" };

export function IncidentPage() {
  const { id = "" } = useParams();
  // While its scope is being computed the page follows it.
  const query = useQuery({
    queryKey: ["incident", id],
    queryFn: () => getIncident(id),
    refetchInterval: ({ state }) => (state.data?.scoping ? 1_000 : 15_000),
  });
  return <LoadedPage query={query} back={BACK}>{(incident) => <IncidentView incident={incident} />}</LoadedPage>;
}

function IncidentView({ incident }: { incident: Incident }) {
  const may = useMay();
  const names = useNames();
  const [editing, setEditing] = useState(false);
  const now = clock(incident);
  return (
    <Page
      title={incident.title}
      back={BACK}
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
        <Card title="What happened" aside={may("incidents:write") && incident.state !== "closed" && <Button onPress={() => setEditing(true)}>Change…</Button>}>
          <p className="prose">{incident.facts}</p>
          <dl className="facts">
            <dt>Nature</dt>
            <dd>{incident.nature.map((id) => NATURES.find((one) => one.id === id)?.label ?? id).join("; ")}</dd>
            <dt>Risk</dt>
            <dd>{RISKS.find((one) => one.id === incident.risk)?.label}</dd>
            <dt>Where</dt>
            <dd>{incident.endpoint_ids.map(names.endpoint).join(", ") || "everywhere"}</dd>
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
      <Dialog title="Change the incident" wide isOpen={editing} onClose={() => setEditing(false)}>
        <EditIncident incident={incident} onClose={() => setEditing(false)} />
      </Dialog>
    </Page>
  );
}

function Conclusions({ incident }: { incident: Incident }) {
  const may = useMay();
  const cache = useQueryClient();
  const [risk, setRisk] = useState<string>(incident.risk);
  const [exemption, setExemption] = useState<string>(incident.exemption ?? "");
  const [state, setState] = useState<string>(incident.state);
  const [effects, setEffects] = useState(incident.effects ?? "");
  const [measures, setMeasures] = useState(incident.measures ?? "");
  const [lessons, setLessons] = useState(incident.lessons ?? "");
  const submit = () => {
    const patch: IncidentPatch = { risk: risk as Incident["risk"], effects, measures, lessons };
    if (exemption !== (incident.exemption ?? "")) Object.assign(patch, { exemption: orNull(exemption) });
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
        <SelectInput name="/exemption" label="Why the persons need not be told" choices={EXEMPTIONS} value={exemption} onChange={setExemption} />
        <LongText name="/effects" label="Likely consequences" value={effects} onChange={setEffects} />
        <LongText name="/measures" label="Measures taken or proposed" value={measures} onChange={setMeasures} />
        <LongText name="/lessons" label="What is done differently from now on" value={lessons} onChange={setLessons} />
        <SelectInput name="/state" label="State" choices={["open", "contained", "closed"].map((id) => ({ id, label: id }))} value={state} onChange={setState} />
      </ApiForm>
    </Card>
  );
}
