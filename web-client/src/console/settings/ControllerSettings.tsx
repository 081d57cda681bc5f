import { useQuery, useQueryClient } from "@tanstack/react-query";
import { changeTenant, getTenant } from "../../api/tenant";
import type { Controller, Tenant } from "../../api/types";
import { EditForm } from "../../components/EditForm";
import { TextInput } from "../../components/fields";
import { Card } from "../../components/Page";
import { Loaded } from "../../components/states";
import { toast } from "../../components/toasts";
import { useEdit } from "../../components/useEdit";
import { useMay } from "../session";

type Field = Exclude<keyof Controller, "security_measures" | "storage_locations" | "transfers">;

const FIELDS: readonly { field: Field; label: string; hint?: string }[] = [
  { field: "legal_name", label: "Registered name", hint: "Without it, the tenant’s name is used." },
  { field: "address", label: "Postal address" },
  { field: "country", label: "Country", hint: "Two letters, such as DE." },
  { field: "phone", label: "Telephone" },
  { field: "representative", label: "Representative in the Union", hint: "Of a controller outside (GDPR Art. 27)." },
  { field: "authority", label: "Lead supervisory authority" },
  { field: "dpo_name", label: "Data protection officer" },
  { field: "dpo_email", label: "The officer’s mail address", hint: "Deadlines, alarms and incidents go there." },
  { field: "dpo_phone", label: "The officer’s telephone" },
];

const toDraft = ({ controller }: Tenant) => ({ controller: controller ?? ({} as Partial<Controller>) });

/** Who answers for the processing, as records and notifications say it. */
export function ControllerSettings() {
  const query = useQuery({ queryKey: ["tenant"], queryFn: getTenant });
  return <Loaded query={query}>{(tenant) => <ControllerForm tenant={tenant} />}</Loaded>;
}

function ControllerForm({ tenant }: { tenant: Tenant }) {
  const locked = !useMay()("tenant:write");
  const cache = useQueryClient();
  const edit = useEdit(toDraft(tenant), tenant.version);
  const { controller } = edit.draft;
  const set = (field: Field, value: string) => {
    const said = Object.entries({ ...controller, [field]: value }).filter(([, each]) => each !== "");
    edit.set("controller", Object.fromEntries(said));
  };
  return (
    <Card title="Controller">
      <p className="soft prose">Records of processing, notifications to the authority and answers to people name them.</p>
      <EditForm
        edit={edit}
        toDraft={toDraft}
        labels={{ controller: "the controller" }}
        save={(version, changes) => changeTenant(version, { controller: changes.controller as Controller })}
        reload={getTenant}
        onSaved={(saved) => {
          cache.setQueryData(["tenant"], saved);
          toast({ title: "Saved." });
        }}
      >
        <div className="form-grid">
          {FIELDS.map(({ field, label, hint }) => (
            <TextInput key={field} name={`/controller/${field}`} label={label} value={controller[field] ?? ""} onChange={(value) => set(field, value)} required={false} disabled={locked} hint={hint} />
          ))}
        </div>
      </EditForm>
    </Card>
  );
}
