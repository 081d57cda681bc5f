import { useQuery, useQueryClient } from "@tanstack/react-query";
import { changeTenant, getTenant } from "../../api/tenant";
import type { Tenant } from "../../api/types";
import { SelectInput } from "../../components/choices";
import { CopyField } from "../../components/Copy";
import { EditForm } from "../../components/EditForm";
import { TextInput } from "../../components/fields";
import { Card } from "../../components/Page";
import { Loaded } from "../../components/states";
import { toast } from "../../components/toasts";
import { orNull, useEdit } from "../../components/useEdit";
import { ME, useMay } from "../session";

const JURISDICTIONS = [
  { id: "gdpr", label: "GDPR", hint: "One calendar month to answer a request." },
  { id: "ccpa", label: "CCPA", hint: "45 days to answer a request." },
];

const toDraft = (tenant: Tenant) => ({ name: tenant.name, contact_email: tenant.contact_email ?? "", language: tenant.language, jurisdiction: tenant.jurisdiction as string });

export function TenantSettings() {
  const query = useQuery({ queryKey: ["tenant"], queryFn: getTenant });
  return <Loaded query={query}>{(tenant) => <TenantForm tenant={tenant} />}</Loaded>;
}

function TenantForm({ tenant }: { tenant: Tenant }) {
  const may = useMay();
  const cache = useQueryClient();
  const edit = useEdit(toDraft(tenant), tenant.version);
  const known = JURISDICTIONS.some(({ id }) => id === tenant.jurisdiction);
  const jurisdictions = known ? JURISDICTIONS : [...JURISDICTIONS, { id: tenant.jurisdiction, label: tenant.jurisdiction }];
  return (
    <div className="grid-2">
      <Card title="Tenant">
        <EditForm
          edit={edit}
          toDraft={toDraft}
          labels={{ name: "name", contact_email: "contact", language: "language", jurisdiction: "jurisdiction" }}
          save={(version, { contact_email, ...same }) => changeTenant(version, { ...same, ...(contact_email === undefined ? {} : { contact_email: orNull(contact_email) }) })}
          reload={getTenant}
          onSaved={(saved) => {
            cache.setQueryData(["tenant"], saved);
            void cache.invalidateQueries({ queryKey: ME });
            toast({ title: "Saved." });
          }}
        >
          <TextInput name="/name" label="Name" value={edit.draft.name} onChange={(value) => edit.set("name", value)} required disabled={!may("tenant:write")} hint="People see it on their privacy page." />
          <TextInput name="/contact_email" label="Privacy contact" type="email" value={edit.draft.contact_email} onChange={(value) => edit.set("contact_email", value)} required={false} disabled={!may("tenant:write")} hint="Where people can write to." />
          <div className="form-grid">
            <TextInput name="/language" label="Language" value={edit.draft.language} onChange={(value) => edit.set("language", value)} required code disabled={!may("tenant:write")} />
            <SelectInput name="/jurisdiction" label="Law that sets the deadlines" choices={jurisdictions} value={edit.draft.jurisdiction} onChange={(value) => edit.set("jurisdiction", value)} disabled={!may("tenant:write")} />
          </div>
        </EditForm>
      </Card>
      <Card title="Addresses">
        <dl className="facts">
          <dt>Short name</dt>
          <dd>
            <code>{tenant.slug}</code>
          </dd>
          <dt>Privacy page</dt>
          <dd>
            <CopyField text={`${window.location.origin}/privacy/${tenant.slug}`} what="address of the privacy page" />
          </dd>
          <dt>REST interface</dt>
          <dd>
            <a href="/api/docs">Reference</a>, <a href="/api/openapi.json">description</a>
          </dd>
        </dl>
      </Card>
    </div>
  );
}
