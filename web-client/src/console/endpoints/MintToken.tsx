import { useState } from "react";
import { mintToken } from "../../api/endpoints";
import type { Endpoint, EndpointToken } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { SecretBox } from "../../components/Copy";
import { SelectInput } from "../../components/choices";
import { TextInput } from "../../components/fields";
import { Card } from "../../components/Page";
import { fullTime } from "../../format/time";

const LIFETIMES = [
  { id: "300", label: "5 minutes" },
  { id: "3600", label: "1 hour" },
  { id: "86400", label: "1 day" },
];

export function MintToken({ endpoint }: { endpoint: Endpoint }) {
  const [sub, setSub] = useState("");
  const [lifetime, setLifetime] = useState("3600");
  const [token, setToken] = useState<EndpointToken>();
  return (
    <Card title="Make a token by hand">
      <p className="soft">For trying things out. In production your back end signs them.</p>
      <ApiForm submitLabel="Make token" submitKind="plain" submit={() => mintToken(endpoint.id, { sub, ttl_seconds: Number(lifetime) })} onDone={setToken}>
        <div className="form-grid">
          <TextInput name="/sub" label="For the person" value={sub} onChange={setSub} required code placeholder="user-42" hint="Your own id of them." />
          <SelectInput name="/ttl_seconds" label="Valid for" choices={LIFETIMES} value={lifetime} onChange={setLifetime} />
        </div>
      </ApiForm>
      {token && <SecretBox label="Token" text={token.token} note={`Connects as ${sub} until ${fullTime(token.expires_at)}. Shown this once.`} />}
    </Card>
  );
}
