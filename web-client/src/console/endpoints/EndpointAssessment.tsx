import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { getEndpointDpia, listDpias, setEndpointDpia } from "../../api/dpias";
import type { Dpia, Endpoint, EndpointDpia } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { SelectInput, SwitchInput } from "../../components/choices";
import { Notice } from "../../components/Notice";
import { Card } from "../../components/Page";
import { Loaded } from "../../components/states";
import { toast } from "../../components/toasts";
import { OUTCOMES } from "../assessments/words";
import { useMay } from "../session";

/** Whether an endpoint needs an impact assessment, and which it rests on. */
export function EndpointAssessment({ endpoint }: { endpoint: Endpoint }) {
  const state = useQuery({ queryKey: ["endpoint-dpia", endpoint.id], queryFn: () => getEndpointDpia(endpoint.id) });
  const all = useQuery({ queryKey: ["dpias", "choices"], queryFn: () => listDpias({ limit: 100 }) });
  return (
    <Card title="Impact assessment">
      <Loaded query={state} lines={2}>
        {(now) => (
          <Loaded query={all} lines={2}>
            {({ items }) => <Needs endpoint={endpoint} now={now} dpias={items} key={JSON.stringify(now)} />}
          </Loaded>
        )}
      </Loaded>
    </Card>
  );
}

function Needs({ endpoint, now, dpias }: { endpoint: Endpoint; now: EndpointDpia; dpias: Dpia[] }) {
  const may = useMay();
  const cache = useQueryClient();
  const [required, setRequired] = useState(now.required);
  const [dpia, setDpia] = useState(now.dpia_id ?? "");
  const choices = [{ id: "", label: "None" }, ...dpias.map(({ id, title, outcome }) => ({ id, label: title, hint: OUTCOMES[outcome].label }))];
  return (
    <ApiForm
      submit={() => setEndpointDpia(endpoint.id, endpoint.version, { required, ...(dpia === "" ? {} : { dpia_id: dpia }) })}
      submitLabel="Save"
      disabled={!may("assessments:write") || (required === now.required && dpia === (now.dpia_id ?? ""))}
      onDone={(saved) => {
        cache.setQueryData(["endpoint-dpia", endpoint.id], saved);
        void cache.invalidateQueries({ queryKey: ["endpoints"] });
        toast({ title: "Saved." });
      }}
    >
      {now.closed && <Notice tone="warn">Nobody can connect: it needs an assessment that was found acceptable.</Notice>}
      {now.advised && !now.required && <Notice>Its purpose is about special categories. On a large scale that needs an assessment (GDPR Art. 35(3)(b)).</Notice>}
      <SwitchInput name="/required" label="It needs one" hint="While there is none that was found acceptable, the endpoint is closed, open sockets too." value={required} onChange={setRequired} disabled={!may("assessments:write")} />
      <SelectInput name="/dpia_id" label="It rests on" choices={choices} value={dpia} onChange={setDpia} disabled={!may("assessments:write")} />
      <p className="small">
        <Link to="/assessments">All assessments</Link>
      </p>
    </ApiForm>
  );
}
