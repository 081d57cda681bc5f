import { useState } from "react";
import { Link, useSearchParams } from "react-router";
import { listEndpoints } from "../../api/endpoints";
import type { Endpoint } from "../../api/types";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { type Column, DataTable } from "../../components/DataTable";
import { ListCard, useList } from "../../components/list";
import { Moment } from "../../components/moments";
import { Page } from "../../components/Page";
import { Empty } from "../../components/states";
import { useMay } from "../session";
import { NewEndpoint } from "./NewEndpoint";

const COLUMNS: Column<Endpoint>[] = [
  {
    header: "Endpoint",
    primary: true,
    cell: (row) => (
      <span className="stack" style={{ gap: 0 }}>
        <Link to={`/endpoints/${row.id}`} className="row-link">
          {row.name || row.slug}
        </Link>
        <code className="faint small">{row.slug}</code>
      </span>
    ),
  },
  { header: "Kind", cell: (row) => (row.kind === "channel" ? "Channel" : "Relay") },
  { header: "Records", cell: (row) => ({ before: "before delivery", after: "after delivery", never: "never" })[row.record] },
  { header: "State", cell: (row) => (row.enabled ? <Badge tone="good">open</Badge> : <Badge>closed</Badge>) },
  { header: "Created", cell: (row) => <Moment at={row.created_at} /> },
];

export function Endpoints() {
  const may = useMay();
  const [search, setSearch] = useSearchParams();
  const [creating, setCreating] = useState(search.has("new"));
  const list = useList(["endpoints", "list"], (cursor) => listEndpoints({ cursor }));
  const create = may("endpoints:write") && (
    <Button kind="primary" icon="plus" onPress={() => setCreating(true)}>
      New endpoint
    </Button>
  );
  return (
    <Page title="Endpoints" lede="An endpoint is a WebSocket address of yours. A channel passes messages between your clients; a relay pools connections to a back end you already run." actions={create}>
      <ListCard
        list={list}
        empty={
          <Empty icon="endpoint" title="No endpoint yet" action={create}>
            <p>Create one and you get an address to connect to, a key to publish with and a secret to sign tokens with.</p>
          </Empty>
        }
      >
        {(items) => <DataTable caption="Endpoints" columns={COLUMNS} rows={items} rowKey={(row) => row.id} />}
      </ListCard>
      <NewEndpoint
        isOpen={creating}
        onClose={() => {
          setCreating(false);
          if (search.has("new")) setSearch({}, { replace: true });
        }}
      />
    </Page>
  );
}
