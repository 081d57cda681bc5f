import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { changeEndpoint, deleteEndpoint, getEndpoint } from "../../api/endpoints";
import type { Endpoint, EndpointPatch } from "../../api/types";
import { Button } from "../../components/Button";
import { SelectInput, SwitchInput } from "../../components/choices";
import { Confirm } from "../../components/Dialog";
import { EditForm } from "../../components/EditForm";
import { Lines, TextInput, filled } from "../../components/fields";
import { Card } from "../../components/Page";
import { toast } from "../../components/toasts";
import { orNull, useEdit } from "../../components/useEdit";
import { usePurposeList } from "../names";
import { useMay } from "../session";
import { ON_WITHDRAWAL, RECORDS, purposeChoices } from "./choices";

const LABELS = {
  name: "name",
  enabled: "whether it is open",
  record: "recording",
  purpose_id: "purpose",
  on_withdrawal: "what happens on withdrawal",
  upstream_url: "back end",
  pool_min: "warm connections",
  pool_max: "most connections",
  allowed_origins: "allowed origins",
  jwks_url: "key set",
  max_message_bytes: "message size",
};

function toDraft(endpoint: Endpoint) {
  return {
    name: endpoint.name,
    enabled: endpoint.enabled,
    record: endpoint.record as string,
    purpose_id: endpoint.purpose_id ?? "",
    on_withdrawal: endpoint.on_withdrawal as string,
    upstream_url: endpoint.upstream_url ?? "",
    pool_min: String(endpoint.pool_min),
    pool_max: String(endpoint.pool_max),
    // The description calls it any JSON; it is a list of texts.
    allowed_origins: endpoint.allowed_origins as string[],
    jwks_url: endpoint.jwks_url ?? "",
    max_message_bytes: String(endpoint.max_message_bytes),
  };
}

type Draft = ReturnType<typeof toDraft>;

function toPatch(changes: Partial<Draft>): EndpointPatch {
  const { purpose_id, jwks_url, allowed_origins, pool_min, pool_max, max_message_bytes, ...same } = changes;
  return {
    ...(same as EndpointPatch),
    ...(purpose_id === undefined ? {} : { purpose_id: orNull(purpose_id) }),
    ...(jwks_url === undefined ? {} : { jwks_url: orNull(jwks_url) }),
    ...(allowed_origins === undefined ? {} : { allowed_origins: filled(allowed_origins) }),
    ...(pool_min === undefined ? {} : { pool_min: Number(pool_min) }),
    ...(pool_max === undefined ? {} : { pool_max: Number(pool_max) }),
    ...(max_message_bytes === undefined ? {} : { max_message_bytes: Number(max_message_bytes) }),
  };
}

export function EndpointSettings({ endpoint }: { endpoint: Endpoint }) {
  const may = useMay();
  const cache = useQueryClient();
  const purposes = usePurposeList();
  const edit = useEdit(toDraft(endpoint), endpoint.version);
  const { draft, set } = edit;
  if (!may("endpoints:write")) return <Card title="Settings">Only a developer or an admin can change endpoints.</Card>;
  return (
    <div className="stack wide-gap">
      <Card title="Settings">
        <EditForm
          edit={edit}
          toDraft={toDraft}
          labels={LABELS}
          save={(version, changes) => changeEndpoint(endpoint.id, version, toPatch(changes))}
          reload={() => getEndpoint(endpoint.id)}
          onSaved={(saved) => {
            cache.setQueryData(["endpoints", endpoint.id], saved);
            void cache.invalidateQueries({ queryKey: ["endpoints", "list"] });
            toast({ title: "Saved." });
          }}
        >
          <SwitchInput name="/enabled" label="Open" hint="Closed, it refuses new connections and messages." value={draft.enabled} onChange={(value) => set("enabled", value)} />
          <div className="form-grid">
            <TextInput name="/name" label="Name" value={draft.name} onChange={(value) => set("name", value)} required />
            <SelectInput name="/record" label="Record messages" choices={RECORDS} value={draft.record} onChange={(value) => set("record", value)} />
            <SelectInput name="/purpose_id" label="Purpose" choices={purposeChoices(purposes)} value={draft.purpose_id} onChange={(value) => set("purpose_id", value)} />
            <SelectInput name="/on_withdrawal" label="When consent is withdrawn" choices={ON_WITHDRAWAL} value={draft.on_withdrawal} onChange={(value) => set("on_withdrawal", value)} />
          </div>
          {endpoint.kind === "relay" && (
            <>
              <TextInput name="/upstream_url" label="Your back end’s address" type="url" code value={draft.upstream_url} onChange={(value) => set("upstream_url", value)} required />
              <div className="form-grid">
                <TextInput name="/pool_min" label="Warm connections" type="number" value={draft.pool_min} onChange={(value) => set("pool_min", value)} hint="Kept open, ready for the next client." />
                <TextInput name="/pool_max" label="Connections at most" type="number" value={draft.pool_max} onChange={(value) => set("pool_max", value)} hint="Your back end never sees more." />
              </div>
            </>
          )}
          <div className="form-grid">
            <TextInput name="/max_message_bytes" label="Largest message, bytes" type="number" value={draft.max_message_bytes} onChange={(value) => set("max_message_bytes", value)} />
            <TextInput name="/jwks_url" label="Key set (JWKS) address" type="url" code value={draft.jwks_url} onChange={(value) => set("jwks_url", value)} required={false} hint="To accept tokens signed with your own EdDSA or RS256 keys." />
          </div>
          <Lines name="/allowed_origins" label="Allowed origins" value={draft.allowed_origins} onChange={(value) => set("allowed_origins", value)} required={false} placeholder="https://app.example.com" hint="One a line. Empty means any web page may connect, given a token." />
        </EditForm>
      </Card>
      <DeleteEndpoint endpoint={endpoint} />
    </div>
  );
}

function DeleteEndpoint({ endpoint }: { endpoint: Endpoint }) {
  const navigate = useNavigate();
  const cache = useQueryClient();
  const [asking, setAsking] = useState(false);
  return (
    <Card title="Delete this endpoint">
      <p className="soft">Closes its sockets and erases its messages. It cannot be brought back.</p>
      <div>
        <Button kind="danger" icon="trash" onPress={() => setAsking(true)}>
          Delete…
        </Button>
      </div>
      <Confirm
        title={`Delete ${endpoint.name || endpoint.slug}?`}
        confirmLabel="Delete endpoint"
        typed={endpoint.slug}
        isOpen={asking}
        onClose={() => setAsking(false)}
        act={() => deleteEndpoint(endpoint.id, endpoint.slug)}
        onDone={() => {
          void cache.invalidateQueries({ queryKey: ["endpoints", "list"] });
          void cache.invalidateQueries({ queryKey: ["endpoints", "names"] });
          toast({ title: `${endpoint.slug} is deleted.` });
          navigate("/endpoints");
        }}
      >
        <p>Every connected client is closed, every message it has recorded is erased, and its keys stop working, now.</p>
      </Confirm>
    </Card>
  );
}
