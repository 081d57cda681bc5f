import { useQuery, useQueryClient } from "@tanstack/react-query";
import { changeTenant, getTenant } from "../../api/tenant";
import type { Tenant } from "../../api/types";
import { CopyField } from "../../components/Copy";
import { EditForm } from "../../components/EditForm";
import { TextInput } from "../../components/fields";
import { Card } from "../../components/Page";
import { Loaded } from "../../components/states";
import { toast } from "../../components/toasts";
import { orNull, useEdit } from "../../components/useEdit";
import { ME, useMay } from "../session";
import { KeySettings } from "./KeySettings";

const toDraft = ({ name, contact_email = "", language, time_zone }: Tenant) => ({ name, contact_email, language, time_zone });

export function TenantSettings() {
  const query = useQuery({ queryKey: ["tenant"], queryFn: getTenant });
  return <Loaded query={query}>{(tenant) => <TenantForm tenant={tenant} />}</Loaded>;
}

function TenantForm({ tenant }: { tenant: Tenant }) {
  const locked = !useMay()("tenant:write");
  const cache = useQueryClient();
  const edit = useEdit(toDraft(tenant), tenant.version);
  return (
    <div className="grid-2">
      <Card title="Tenant">
        <EditForm
          edit={edit}
          toDraft={toDraft}
          labels={{ name: "name", contact_email: "contact", language: "language", time_zone: "time zone" }}
          save={(version, { contact_email, ...same }) => changeTenant(version, { ...same, ...(contact_email === undefined ? {} : { contact_email: orNull(contact_email) }) })}
          reload={getTenant}
          onSaved={(saved) => {
            cache.setQueryData(["tenant"], saved);
            void cache.invalidateQueries({ queryKey: ME });
            toast({ title: "Saved." });
          }}
        >
          <TextInput name="/name" label="Name" value={edit.draft.name} onChange={(value) => edit.set("name", value)} required disabled={locked} hint="People see it on their privacy page." />
          <TextInput name="/contact_email" label="Privacy contact" type="email" value={edit.draft.contact_email} onChange={(value) => edit.set("contact_email", value)} required={false} disabled={locked} hint="Where people can write to." />
          <div className="form-grid">
            <TextInput name="/language" label="Language" value={edit.draft.language} onChange={(value) => edit.set("language", value)} required code disabled={locked} hint="Of mails, such as “de”." />
            <TextInput name="/time_zone" label="Time zone" value={edit.draft.time_zone} onChange={(value) => edit.set("time_zone", value)} required code disabled={locked} hint="Days are counted in it." />
          </div>
        </EditForm>
      </Card>
      <div className="stack">
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
        <KeySettings />
      </div>
    </div>
  );
}
