import { useQueryClient } from "@tanstack/react-query";
import { changeEndpoint, getEndpoint } from "../../api/endpoints";
import type { Endpoint } from "../../api/types";
import { SelectInput, SwitchInput } from "../../components/choices";
import { EditForm } from "../../components/EditForm";
import { Lines, TextInput } from "../../components/fields";
import { Card } from "../../components/Page";
import { toast } from "../../components/toasts";
import { useEdit } from "../../components/useEdit";
import { usePurposeList } from "../names";
import { useMay } from "../session";
import { ON_WITHDRAWAL, POOL_MODES, RECORDS, purposeChoices } from "./choices";
import { DeleteEndpoint } from "./DeleteEndpoint";
import { LABELS, toDraft, toPatch } from "./endpointDraft";
import { SocketFields } from "./SocketFields";
import { UpstreamAccess } from "./UpstreamAccess";

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
              <UpstreamAccess endpoint={endpoint} edit={edit} />
              <div className="form-grid">
                <TextInput name="/pool_min" label="Warm connections" type="number" value={draft.pool_min} onChange={(value) => set("pool_min", value)} hint="Kept open, ready for the next client." />
                <TextInput name="/pool_max" label="Connections at most" type="number" value={draft.pool_max} onChange={(value) => set("pool_max", value)} hint="Your back end never sees more." />
                <SelectInput name="/pool_mode" label="Connections of clients" choices={POOL_MODES} value={draft.pool_mode} onChange={(value) => set("pool_mode", value)} />
                {draft.pool_mode === "multiplex" && (
                  <TextInput name="/sessions_per_socket" label="Clients on one connection" type="number" value={draft.sessions_per_socket} onChange={(value) => set("sessions_per_socket", value)} />
                )}
              </div>
            </>
          )}
          <div className="form-grid">
            <TextInput name="/max_message_bytes" label="Largest message, bytes" type="number" value={draft.max_message_bytes} onChange={(value) => set("max_message_bytes", value)} />
            <TextInput name="/jwks_url" label="Key set (JWKS) address" type="url" code value={draft.jwks_url} onChange={(value) => set("jwks_url", value)} required={false} hint="To accept tokens signed with your own EdDSA or RS256 keys." />
          </div>
          <SocketFields endpoint={endpoint} edit={edit} />
          <Lines name="/allowed_origins" label="Allowed origins" value={draft.allowed_origins} onChange={(value) => set("allowed_origins", value)} required={false} placeholder="https://app.example.com" hint="One a line. Empty means any web page may connect, given a token." />
        </EditForm>
      </Card>
      <DeleteEndpoint endpoint={endpoint} />
    </div>
  );
}
