import { useQuery, useQueryClient } from "@tanstack/react-query";
import { changeTenant, getTenant, listJurisdictions } from "../../api/tenant";
import type { Tenant } from "../../api/types";
import { SelectInput, Tick } from "../../components/choices";
import { DurationInput } from "../../components/DurationInput";
import { EditForm } from "../../components/EditForm";
import { TextInput } from "../../components/fields";
import { Card } from "../../components/Page";
import { Loaded } from "../../components/states";
import { toast } from "../../components/toasts";
import { orNull, useEdit } from "../../components/useEdit";
import { useMay } from "../session";

const APPROVALS = [
  { id: "doubtful", label: "Doubtful ones", hint: "Those that a machine should not decide wait for a member." },
  { id: "always", label: "All of them", hint: "Every request from the privacy page waits for a member." },
];
const TRUST = [
  { id: "closed", label: "Nobody", hint: "Requests through OpenDSR are refused." },
  { id: "controller", label: "The controller’s system", hint: "Whoever hands a request on has verified the person." },
  { id: "person", label: "The person", hint: "Each one signs in on the privacy page first." },
];
const GRACES = ["hours", "days"] as const;

const toDraft = ({ jurisdiction, holidays = "", request_approval, four_eyes, opendsr_trust, retention_grace, retention_approval }: Tenant) => ({
  jurisdiction,
  holidays,
  request_approval,
  four_eyes,
  opendsr_trust,
  retention_grace,
  retention_approval,
});

/** Whose deadlines count, who decides, and what waits. */
export function LawSettings() {
  const query = useQuery({ queryKey: ["tenant"], queryFn: getTenant });
  return <Loaded query={query}>{(tenant) => <LawForm tenant={tenant} />}</Loaded>;
}

function LawForm({ tenant }: { tenant: Tenant }) {
  const locked = !useMay()("tenant:write");
  const cache = useQueryClient();
  const edit = useEdit(toDraft(tenant), tenant.version);
  const laws = useQuery({ queryKey: ["jurisdictions"], queryFn: listJurisdictions });
  const choices = (laws.data?.items ?? [{ key: tenant.jurisdiction, name: tenant.jurisdiction, respond: "" }]).map(({ key, name, respond }) => ({ id: key, label: name, hint: respond && `${respond} to answer a request` }));
  const { draft, set } = edit;
  return (
    <EditForm
      edit={edit}
      toDraft={toDraft}
      labels={{ jurisdiction: "law", holidays: "public holidays", request_approval: "who decides", four_eyes: "four eyes", opendsr_trust: "OpenDSR", retention_grace: "waiting time", retention_approval: "second member" }}
      save={(version, { holidays, ...same }) => changeTenant(version, { ...same, ...(holidays === undefined ? {} : { holidays: orNull(holidays) }) })}
      reload={getTenant}
      onSaved={(saved) => {
        cache.setQueryData(["tenant"], saved);
        toast({ title: "Saved." });
      }}
    >
      <div className="grid-2">
        <Card title="Requests of people">
          <div className="form-grid">
            <SelectInput name="/jurisdiction" label="Law of deadlines" choices={choices} value={draft.jurisdiction} onChange={(value) => set("jurisdiction", value)} disabled={locked} />
            <TextInput name="/holidays" label="Public holidays of" value={draft.holidays} onChange={(value) => set("holidays", value.toUpperCase())} required={false} code disabled={locked} hint="A country such as DE: deadlines move past them." />
          </div>
          <SelectInput name="/request_approval" label="Which requests wait for a decision" choices={APPROVALS} value={draft.request_approval} onChange={(value) => set("request_approval", value as Tenant["request_approval"])} disabled={locked} />
          <Tick name="/four_eyes" label="Two members decide" hint="One asks for a request to be carried out, another one agrees." value={draft.four_eyes} onChange={(value) => set("four_eyes", value)} disabled={locked} />
          <SelectInput name="/opendsr_trust" label="Who vouches for people in requests through OpenDSR" choices={TRUST} value={draft.opendsr_trust} onChange={(value) => set("opendsr_trust", value as Tenant["opendsr_trust"])} disabled={locked} />
        </Card>
        <Card title="Changes of retention rules">
          <p className="soft prose">A change that would destroy something earlier than it would be destroyed now can wait, so that a mistake can be taken back.</p>
          <DurationInput name="/retention_grace" label="It waits for" value={draft.retention_grace} onChange={(value) => set("retention_grace", value)} units={GRACES} />
          <Tick name="/retention_approval" label="A second member has to agree" value={draft.retention_approval} onChange={(value) => set("retention_approval", value)} disabled={locked} />
        </Card>
      </div>
    </EditForm>
  );
}
