import { useState } from "react";
import { createApiKey } from "../../api/tenant";
import type { NewApiKey } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { Button } from "../../components/Button";
import { SelectInput, Tick } from "../../components/choices";
import { TextInput } from "../../components/fields";
import { useMe } from "../session";

const LIFETIMES = [
  { id: "90", label: "90 days" },
  { id: "365", label: "1 year" },
  { id: "", label: "No end" },
];

// What a back end that publishes and records consents needs.
const USUAL = ["endpoints:read", "messages:write", "consents:write", "subjects:write"];

export function CreateApiKey({ onClose, onDone }: { onClose: () => void; onDone: (key: NewApiKey) => void }) {
  const { permissions } = useMe();
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState(USUAL.filter((scope) => permissions.includes(scope)));
  const [days, setDays] = useState("365");
  // Nobody can hand out more than they hold; the list is what the server says they hold.
  const groups = [...new Set(permissions.map(groupOf))];
  const submit = () => createApiKey({ name, scopes, ...(days ? { expires_at: new Date(Date.now() + Number(days) * 86_400_000).toISOString() } : {}) });
  return (
    <ApiForm submitLabel="Create key" disabled={scopes.length === 0} beside={<Button onPress={onClose}>Cancel</Button>} submit={submit} onDone={onDone}>
      <div className="form-grid">
        <TextInput name="/name" label="Name" value={name} onChange={setName} required autoFocus placeholder="Chat back end" />
        <SelectInput name="/expires_at" label="Valid for" choices={LIFETIMES} value={days} onChange={setDays} />
      </div>
      <fieldset>
        <legend className="label">May</legend>
        <div className="form-grid" style={{ marginTop: "var(--s2)" }}>
          {groups.map((group) => (
            <div key={group} className="stack tight" style={{ gap: "var(--s1)" }}>
              <span className="faint small">{group.replaceAll("_", " ")}</span>
              {permissions.filter((scope) => groupOf(scope) === group).map((scope) => (
                <Tick key={scope} name="/scopes" label={<code>{scope.split(":")[1]}</code>} value={scopes.includes(scope)} onChange={(on) => setScopes(on ? [...scopes, scope] : scopes.filter((each) => each !== scope))} />
              ))}
            </div>
          ))}
        </div>
      </fieldset>
    </ApiForm>
  );
}

function groupOf(permission: string): string {
  return permission.split(":")[0] ?? permission;
}
