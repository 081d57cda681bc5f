import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { listApiKeys, revokeApiKey } from "../../api/tenant";
import type { ApiKey, NewApiKey } from "../../api/types";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { type Column, DataTable } from "../../components/DataTable";
import { Confirm, Dialog } from "../../components/Dialog";
import { ListCard, useList } from "../../components/list";
import { Moment } from "../../components/moments";
import { Page } from "../../components/Page";
import { Empty } from "../../components/states";
import { counted } from "../../format/number";
import { SecretDialog } from "../endpoints/SecretDialog";
import { CreateApiKey } from "./CreateApiKey";

export function ApiKeys() {
  const cache = useQueryClient();
  const list = useList(["api-keys"], (cursor) => listApiKeys({ cursor }));
  const [creating, setCreating] = useState(false);
  const [made, setMade] = useState<NewApiKey>();
  const [revoking, setRevoking] = useState<ApiKey>();
  const refresh = () => void cache.invalidateQueries({ queryKey: ["api-keys"] });
  const create = (
    <Button kind="primary" icon="plus" onPress={() => setCreating(true)}>
      New API key
    </Button>
  );
  const columns: Column<ApiKey>[] = [
    {
      header: "Key",
      primary: true,
      cell: (row) => (
        <span className="stack" style={{ gap: 0 }}>
          <strong>{row.name}</strong>
          <code className="faint small">{row.prefix}…</code>
        </span>
      ),
    },
    { header: "Scopes", cell: (row) => <span title={row.scopes.join(", ")}>{row.scopes.length <= 2 ? row.scopes.join(", ") : counted(row.scopes.length, "scope")}</span> },
    { header: "Last used", cell: (row) => (row.last_used_at ? <Moment at={row.last_used_at} /> : <span className="faint">never</span>) },
    {
      header: "State",
      cell: (row) =>
        row.revoked_at ? (
          <Badge tone="bad">revoked</Badge>
        ) : row.expires_at ? (
          <span>
            expires <Moment at={row.expires_at} />
          </span>
        ) : (
          <Badge tone="good">works</Badge>
        ),
    },
    {
      header: "Actions",
      actions: true,
      cell: (row) =>
        !row.revoked_at && (
          <Button size="small" kind="quiet bad" onPress={() => setRevoking(row)}>
            Revoke…
          </Button>
        ),
    },
  ];
  return (
    <Page title="API keys" lede="For your servers and scripts. Give each one only the scopes it needs; a key is shown once and stored as a hash." actions={create}>
      <ListCard
        list={list}
        empty={
          <Empty icon="key" title="No API key yet" action={create}>
            <p>Your back end needs one to publish messages and record consents.</p>
          </Empty>
        }
      >
        {(items) => <DataTable caption="API keys" columns={columns} rows={items} rowKey={(row) => row.id} />}
      </ListCard>
      <Dialog title="New API key" isOpen={creating} onClose={() => setCreating(false)} wide>
        <CreateApiKey
          onClose={() => setCreating(false)}
          onDone={(key) => {
            setCreating(false);
            setMade(key);
            refresh();
          }}
        />
      </Dialog>
      <SecretDialog title="Your new API key" label="API key" secret={made?.token} note="Send it as “Authorization: Bearer …”. It is shown this once; we keep only its hash." onClose={() => setMade(undefined)} />
      <Confirm title={`Revoke ${revoking?.name ?? ""}?`} confirmLabel="Revoke key" isOpen={revoking !== undefined} onClose={() => setRevoking(undefined)} act={() => revokeApiKey(revoking?.id ?? "")} onDone={refresh}>
        <p>Whatever uses it is refused from now on. A revoked key cannot be brought back.</p>
      </Confirm>
    </Page>
  );
}
